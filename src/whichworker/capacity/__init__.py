"""The second stage: at which rate of arrivals does each finalist keep the objective?"""
