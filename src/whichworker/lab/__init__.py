"""The main path: question, plan, (launch, window, journal) over and over, judge, result. One file per question."""
