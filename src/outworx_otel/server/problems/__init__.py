"""What is wrong and who is told: problems, their rules, silence."""
