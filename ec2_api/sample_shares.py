"""Marginal distributions of the synthetic sample, rounded from the published data (Strack et al. 2014, UCI, CC BY 4.0).

Shares are relative: each table is normalised by its sum. Tables are written as `value:share value:share ...`.
"""

from ec2_api.layout import DRUGS


def parse_shares(text: str) -> dict[str, float]:
    """Return value -> share. Values may contain colons but no spaces."""
    pairs = (entry.rsplit(":", 1) for entry in text.split())
    return {value: float(share) for value, share in pairs}


ENCOUNTERS_PER_PATIENT = parse_shares(
    "1:7654 2:1455 3:469 4:200 5:100 6:48 7:29 8:15 9:10 10:6 11:3 12:3 13:2 14:1 15:1 16:1 18:1 20:1"
)
RACE = parse_shares("Caucasian:748 AfricanAmerican:188 ?:22 Hispanic:20 Other:15 Asian:6.5")
GENDER = parse_shares("Female:53.8 Male:46.2 Unknown/Invalid:.002")
AGE_DECADE = parse_shares("0:.16 1:.67 2:1.6 3:3.7 4:9.6 5:17 6:22.1 7:25.6 8:16.8 9:2.7")
WEIGHT = parse_shares(
    "?:9686 [75-100):130 [50-75):88 [100-125):61 [125-150):15 [25-50):10 [0-25):5 [150-175):3 [175-200):1.2 >200:.3"
)
ADMISSION_TYPE = parse_shares("1:5301 3:1852 2:1824 6:519 5:468 8:32 7:2 4:1")
ADMISSION_SOURCE = parse_shares(
    "7:5653 1:2905 17:665 4:311 6:224 2:108 5:83 3:19 20:16 9:12 8:1.6 22:1 10:.8 25:.2 11:.1 13:.1 14:.1"
)
DISPOSITION_BY_AGE = (
    (50, parse_shares("1:798 6:71 18:34 3:22 7:17 2:16 25:12 5:9 22:4.3 4:3.1 28:2.3 8:2.3 23:1.5 17:.5 16:.3")),
    (
        70,
        parse_shares("1:671 6:119 3:74 18:39 2:25 22:18 5:11 25:9.4 7:6.4 4:4.8 23:3.7 28:1.6 8:1.2 9:.3 15:.3 24:.2"),
    ),
    (80, parse_shares("1:523 3:169 6:149 18:41 22:26 2:23 5:13 25:9 4:8.5 23:4.3 7:2.3 15:.9 28:.9 8:.7 24:.4 9:.2")),
    (
        999,
        parse_shares("1:359 3:313 6:158 22:28 18:26 4:19 2:17 5:13 25:8.6 23:6.3 7:1.5 15:1.2 24:1.2 28:.8 9:.2 10:.1"),
    ),
)
DEATH_OR_HOSPICE = parse_shares("11:161 13:39 14:36 19:1 20:.2")
DEATH_OR_HOSPICE_BY_AGE = ((50, 0.0059), (70, 0.0158), (80, 0.0284), (999, 0.0476))
"""Upper age limit, and share of encounters below it that end in death or hospice."""
PAYER_UNRECORDED = (1.0, 0.61, 0.28, 0.21, 0.08, 0.14)
"""Share of `?` in each sixth of the file: payers were recorded more often in later years."""
PAYER = parse_shares(
    "MC:3171 HM:629 SP:497 BC:456 MD:349 CP:248 UN:242 CM:191 OG:102 PO:59 DM:52 CH:14 WC:14 OT:10 MP:8 SI:5.5 FR:.1"
)
SPECIALTY = parse_shares(
    "?:4915 InternalMedicine:1444 Emergency/Trauma:744 Family/GeneralPractice:724 Cardiology:527 Surgery-General:302 "
    "Nephrology:160 Orthopedics:137 Orthopedics-Reconstructive:123 Radiologist:112 Pulmonology:85 Psychiatry:83 "
    "Urology:67 ObstetricsandGynecology:124 Surgery-Cardiovascular/Thoracic:63 Gastroenterology:57 Surgery-Vascular:52 "
    "Surgery-Neuro:46 PhysicalMedicineandRehabilitation:39 Oncology:35 Neurology:20 Hematology/Oncology:19 "
    "Endocrinology:12 Otolaryngology:12 Surgery-Thoracic:11 Psychology:10 Surgery-Cardiovascular:10 Podiatry:10 "
    "Hematology:7.5 Hospitalist:6 Gynecology:5 Radiology:5 Surgeon:4 Surgery-Plastic:4 Osteopath:4 Ophthalmology:4 "
    "InfectiousDiseases:4 SurgicalSpecialty:3 Obsterics&Gynecology-GynecologicOnco:2.5 Pathology:2 Obstetrics:2 "
    "Rheumatology:1.5 Surgery-Colon&Rectal:1.3 Anesthesiology:1.3 PhysicianNotFound:1.2 OutreachServices:1 "
    "Surgery-Maxillofacial:.9 Endocrinology-Metabolism:.8 AllergyandImmunology:.5 Dentistry:.5"
)
CHILD_SPECIALTY = parse_shares(
    "?:221 Pediatrics-Endocrinology:129 Pediatrics:91 Pediatrics-CriticalCare:70 InternalMedicine:35 "
    "Family/GeneralPractice:24 Emergency/Trauma:24 Pediatrics-Pulmonology:19 Psychiatry:16 "
    "Anesthesiology-Pediatric:13 Cardiology-Pediatric:7"
)
DAYS = parse_shares("1:1395 2:1692 3:1741 4:1366 5:982 6:744 7:581 8:427 9:297 10:230 11:181 12:144 13:119 14:103")
PROCEDURES = parse_shares("0:4576 1:2040 2:1246 3:927 4:414 5:306 6:492")
DIAGNOSES = parse_shares(
    "1:21 2:100 3:278 4:545 5:1114 6:997 7:1025 8:1044 9:4864 10:1.6 11:1.3 12:1 13:1.6 14:.5 15:1 16:4.5"
)
INPATIENT = parse_shares(
    "0:66445 1:19172 2:7453 3:3332 4:1567 5:804 6:482 7:277 8:154 9:115 10:64 11:46 12:36 13:22 14:20 15:15"
)
EMERGENCY = parse_shares(
    "0:88819 1:7570 2:1989 3:709 4:366 5:185 6:92 7:80 8:40 9:32 10:29 11:21 12:12 13:13 16:20 20:15 25:8"
)
OUTPATIENT = parse_shares(
    "0:83593 1:8355 2:3530 3:2001 4:1080 5:530 6:286 7:148 8:97 9:84 10:54 11:44 12:29 13:32 14:32 16:50 20:30 27:15"
)
RARE_DIAGNOSES = parse_shares(
    "515:12 202:12 443:12 348:12 284:12 781:12 304:12 553:12 728:12 729:12 564:12 416:12 250.42:12 444:12 710:12 "
    "721:12 286:12 288:12 782:12 V12:12 292:12 V85:12 459:12 719:12 211:12 437:12 618:12 576:12 397:12 681:12 441:12 "
    "290:12 157:12 293:12 595:12 340:12 174:12 218:12 204:12 135:12 436:12 291:12 250.22:12 345:12 794:12 242:12 "
    "455:12 250.51:12 808:12 731:12 189:12 490:12 386:12 431:12 274:12 581:12 398:12 203:12 596:12 332:12 250.5:12 "
    "537:12 465:12 821:12 723:12 716:12 V54:12 255:12 282:12 567:12 807:12 79:12 625:12 568:12 714:12 337:12 154:12 "
    "275:12 823:12 726:12 250.83:12 42:12 301:12 573:12 626:12 711:12 327:12 487:12 250.52:12 429:12 250.2:12 309:12 "
    "346:12 456:12 852:12 253:12 642:12 188:12 447:12 512:12 277:12 432:12 344:12 182:12 298:12 924:12 813:12 423:12 "
    "473:12 250.43:12 583:12 783:12 481:12 519:12 238:12 738:12 566:12 53:12 362:12 654:12 155:12 620:12 289:12 "
    "205:12 555:12 873:12"
)
FIRST_DIAGNOSIS = (
    parse_shares(
        "428:674 414:649 786:392 410:353 486:345 427:269 491:226 715:210 682:205 434:201 780:196 996:192 276:183 "
        "38:165 250.8:162 599:156 584:149 V57:120 250.6:115 518:109 820:108 577:105 435:101 493:101 562:97 574:94 "
        "296:87 560:87 250.7:85 440:84 250.13:84 433:78 998:77 722:76 250.02:66 578:65 250.11:64 507:62 789:55 "
        "453:55 530:52 403:51 8:50 402:45 724:45 535:44 997:44 415:44 295:43 458:41 162:41 250.12:40 250.82:40 "
        "733:37 285:37 278:36 592:35 401:35 482:34 590:33 558:33 197:32 153:32 824:31 280:31 250.1:31 569:29 426:29 "
        "648:28 511:27 531:27 571:27 250.4:26 787:26 404:26 411:25 572:25 707:25 198:24 730:23 250:23 812:23 466:23 "
        "V58:22 575:22 552:22 532:21 600:21 250.03:20 557:19 250.81:19 540:19 331:19 805:18 185:18 424:17 ?:2"
    )
    | RARE_DIAGNOSES
)
SECOND_DIAGNOSIS = (
    parse_shares(
        "276:664 428:657 250:600 427:492 401:367 496:327 599:320 403:278 414:262 411:255 250.02:203 707:195 585:186 "
        "584:162 491:151 285:150 250.01:149 780:146 682:143 425:140 486:137 518:130 424:108 413:102 250.6:90 493:87 "
        "305:69 786:63 280:59 998:56 410:55 511:51 785:50 38:47 996:46 272:42 197:42 571:41 162:41 V45:41 560:40 "
        "295:39 440:39 788:38 577:38 997:38 41:35 453:35 578:34 789:34 648:33 402:32 574:32 198:31 799:30 287:30 "
        "426:29 530:27 303:27 V42:27 278:26 438:26 70:26 250.03:24 591:24 730:23 250.41:23 790:22 492:22 342:21 "
        "196:20 250.92:20 8:20 250.8:20 787:20 112:20 404:20 507:19 536:19"
    )
    | RARE_DIAGNOSES
)
THIRD_DIAGNOSIS = (
    parse_shares(
        "250:1137 401:811 276:505 428:449 427:388 414:363 496:257 403:233 585:194 272:193 599:191 250.02:136 "
        "V45:136 707:133 780:133 285:120 425:114 250.6:107 424:107 584:95 305:92 250.01:89 682:88 518:83 41:70 "
        "493:68 278:66 530:63 786:57 486:57 491:56 244:52 V58:49 250.4:42 411:40 357:39 785:38 287:38 280:37 197:37 "
        "511:37 787:36 788:36 402:35 V15:34 412:34 593:32 294:32 998:31 250.8:31 438:31 799:31 571:31 413:30 997:30 "
        "789:29 295:29 535:29 560:29 995:29 996:28 458:28 426:27 70:26 536:26 578:25 V42:25 263:24 300:24 198:24 "
        "784:23 440:23 396:23 V10:22 E849:22 V43:21 453:21 311:21 296:21"
    )
    | RARE_DIAGNOSES
)
CHILD_DIAGNOSIS = parse_shares(
    "250.13:300 250.11:60 250.03:50 250.01:40 250.02:20 250.1:20 276:30 493:25 486:20 682:20 540:12 466:12 780:15 "
    "787:10 789:10 296:12 558:10 8:8"
)
"""First diagnoses below the age of 20."""
EXCLUDED_BY_GENDER = {
    "Male": frozenset(("648", "618", "174", "218", "182", "620", "625", "626", "642", "654"))
    | {"ObstetricsandGynecology", "Gynecology", "Obstetrics", "Obsterics&Gynecology-GynecologicOnco"},
    "Female": frozenset(("600", "185")),
    "Unknown/Invalid": frozenset(),
}
"""Diagnoses and specialties that occur only for the other gender."""
GLUCOSE = parse_shares("None:9475 Norm:255 >200:147 >300:123")
A1C = parse_shares("None:8332 >8:802 Norm:491 >7:374")
_DRUG_LEVELS = {  # per 100,000 encounters: Steady, Up, Down
    "metformin": (17_998, 1_047, 559),
    "repaglinide": (1_351, 100, 45),
    "nateglinide": (662, 23, 12),
    "chlorpropamide": (80, 6, 1),
    "glimepiride": (4_525, 320, 194),
    "acetohexamide": (1, 0, 0),
    "glipizide": (11_225, 770, 555),
    "glyburide": (9_154, 811, 566),
    "tolbutamide": (21, 0, 0),
    "pioglitazone": (6_882, 234, 107),
    "rosiglitazone": (5_994, 179, 87),
    "acarbose": (292, 10, 3),
    "miglitol": (31, 1, 1),
    "troglitazone": (1, 0, 0),
    "tolazamide": (35, 1, 0),
    "insulin": (30_286, 11_140, 12_007),
    "glyburide-metformin": (687, 8, 3),
    "glipizide-metformin": (9, 0, 0),
    "glimepiride-pioglitazone": (1, 0, 0),
    "metformin-rosiglitazone": (1, 0, 0),
    "metformin-pioglitazone": (1, 0, 0),
}


def drug_levels(drug: str) -> dict[str, float]:
    """Return the shares of No, Steady, Up and Down; examide and citoglipton were never prescribed."""
    steady, up, down = _DRUG_LEVELS.get(drug, (0, 0, 0))
    return {"No": 100_000 - steady - up - down, "Steady": steady, "Up": up, "Down": down}


DRUG_LEVELS = {drug: drug_levels(drug) for drug in DRUGS}
