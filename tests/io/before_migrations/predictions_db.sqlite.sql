CREATE TABLE "promotions" ("version" INTEGER NOT NULL PRIMARY KEY, "batch" INTEGER NOT NULL, "target" VARCHAR(32) NOT NULL, "promoted" INTEGER NOT NULL, "verdict" TEXT NOT NULL, "decided_at" DATETIME NOT NULL, "applied_at" DATETIME);
CREATE INDEX "promotion_batch" ON "promotions" ("batch");
