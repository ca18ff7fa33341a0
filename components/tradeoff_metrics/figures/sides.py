"""What an AUC of a group compares. Loads no library: settings and the command line come by here."""

# Of a group's negatives against its own positives, of its negatives against the other groups' positives, and of the other
# groups' negatives against its positives.
SUBGROUP, BPSN, BNSP = AUCS = ("subgroup", "bpsn", "bnsp")
