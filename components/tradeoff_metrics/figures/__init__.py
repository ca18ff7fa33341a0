"""From counts to rates, gaps, AUCs and their intervals."""
