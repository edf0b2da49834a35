"""The second stage: at which rate of arrivals does each finalist still meet the objective?"""
