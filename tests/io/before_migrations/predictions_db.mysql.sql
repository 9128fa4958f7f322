CREATE TABLE `promotions` (
  `version` int NOT NULL,
  `batch` int NOT NULL,
  `target` varchar(32) NOT NULL,
  `promoted` tinyint(1) NOT NULL,
  `verdict` text NOT NULL,
  `decided_at` datetime NOT NULL,
  `applied_at` datetime DEFAULT NULL,
  PRIMARY KEY (`version`),
  KEY `promotion_batch` (`batch`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
