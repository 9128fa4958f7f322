"""`python -m flows.every_day`: a day for each batch that is released and not done, one after the other, then ends."""

from flows.daily import daily

if __name__ == "__main__":
    while daily():
        pass
