"""MTA-F reproduced: modes, fairness losses, λ and r on Adult, German, LSAC and KuaiRand."""
