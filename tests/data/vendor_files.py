"""Files as vendors write them, and files that nobody should read."""

import json

DAILY = {
    "yahoo": """Date,Open,High,Low,Close,Adj Close,Volume
2012-11-21,10,12,9,11,5.5,500
2012-11-23,11,13.5,10.5,13,6.5,0
2012-11-26,13,14,12,12.5,6.25,1234567
""",
    "yfinance history": """Date,Open,High,Low,Close,Volume,Dividends,Stock Splits
2012-11-21 00:00:00-05:00,10,12,9,11,500,0.0,0.0
2012-11-23 00:00:00-05:00,11,13.5,10.5,13,0,0.0,0.0
2012-11-26 00:00:00-05:00,13,14,12,12.5,1234567,0.0,0.0
""",
    "alpaca": """t,o,h,l,c,v,n,vw,symbol
2012-11-21T05:00:00Z,10,12,9,11,500,3,10.2,ACME
2012-11-23T05:00:00Z,11,13.5,10.5,13,0,0,12.1,ACME
2012-11-26T05:00:00Z,13,14,12,12.5,1234567,99,12.9,ACME
""",
    "alpaca-py": """symbol,timestamp,open,high,low,close,volume,trade_count,vwap
ACME,2012-11-21 05:00:00+00:00,10,12,9,11,500,3,10.2
ACME,2012-11-23 05:00:00+00:00,11,13.5,10.5,13,0,0,12.1
ACME,2012-11-26 05:00:00+00:00,13,14,12,12.5,1234567,99,12.9
""",
    "stooq": """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
ACME,D,20121121,000000,10,12,9,11,500,0
ACME,D,20121123,000000,11,13.5,10.5,13,0,0
ACME,D,20121126,000000,13,14,12,12.5,1234567,0
""",
    "stooq download": """Date,Open,High,Low,Close,Volume
2012-11-21,10,12,9,11,500
2012-11-23,11,13.5,10.5,13,0
2012-11-26,13,14,12,12.5,1234567
""",
    "quandl": """Ticker,Date,Open,High,Low,Close,Volume,Adj Close
ACME,2012-11-21,10,12,9,11,500,11
ACME,2012-11-23,11,13.5,10.5,13,0,13
ACME,2012-11-26,13,14,12,12.5,1234567,12.5
""",
    "tiingo": """date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor
2012-11-21T00:00:00.000Z,11,12,9,10,500,11,12,9,10,500,0.0,1.0
2012-11-23T00:00:00.000Z,13,13.5,10.5,11,0,13,13.5,10.5,11,0,0.0,1.0
2012-11-26T00:00:00.000Z,12.5,14,12,13,1234567,12.5,14,12,13,1234567,0.0,1.0
""",
    "nasdaq": """Date,Close/Last,Volume,Open,High,Low
11/21/2012,$11.00,500,$10.00,$12.00,$9.00
11/23/2012,$13.00,0,$11.00,$13.50,$10.50
11/26/2012,$12.50,"1,234,567",$13.00,$14.00,$12.00
""",
    "byte order mark, capitals, carriage returns": "\ufeffTimestamp,OPEN,HIGH,LOW,CLOSE,VOLUME\r\n"
    "2012-11-21,10,12,9,11,500\r\n2012-11-23,11,13.5,10.5,13,0\r\n2012-11-26,13,14,12,12.5,1234567\r\n",
    "day first, semicolons": """Datum;Date;Open;High;Low;Close;Volume
x;21.11.2012;10;12;9;11;500
x;23.11.2012;11;13.5;10.5;13;0
x;26.11.2012;13;14;12;12.5;1234567
""",
    "shared prefix": """Candle.Date,Candle.Open,Candle.High,Candle.Low,Candle.Close,Candle.Volume
2012/11/21,10,12,9,11,500
2012/11/23,11,13.5,10.5,13,0
2012/11/26,13,14,12,12.5,1234567
""",
    "epoch seconds": """datetime,open,high,low,close,volume
1353474000,10,12,9,11,500
1353646800,11,13.5,10.5,13,0
1353906000,13,14,12,12.5,1234567
""",
    "epoch milliseconds": """open time,open,high,low,close,volume
1353474000000,10,12,9,11,500
1353646800000,11,13.5,10.5,13,0
1353906000000,13,14,12,12.5,1234567
""",
    "our own": """symbol,bar_close,open,high,low,close,volume
ACME,2012-11-21T21:00:00.000000+0000,10,12,9,11,500
ACME,2012-11-23T18:00:00.000000+0000,11,13.5,10.5,13,0
ACME,2012-11-26T21:00:00.000000+0000,13,14,12,12.5,1234567
""",
}


MINUTES = """Datetime,Open,High,Low,Close,Volume
{}10:30{},10,12,9,11,500
{}10:31{},11,13.5,10.5,13,0
{}10:32{},13,14,12,12.5,7
"""


def minutes(day: str = "2012-11-21 ", zone: str = "") -> str:
    return MINUTES.format(*[day, zone] * 3)


HEAD = "Date,Open,High,Low,Close,Volume\n"
ROW = "2012-11-21,10,12,9,11,500\n"


def lines(*dates: str) -> str:
    return HEAD + "".join(f"{d},10,12,9,11,500\n" for d in dates)


REFUSED = {
    "empty": (b"", "ACME.csv is empty; it needs a header and at least one bar"),
    "blank": (b" \n\n", "ACME.csv is empty"),
    "header only": (HEAD, "ACME.csv has a header and no bars"),
    "binary": (b"\x00\x01\x02\x03", "ACME.csv is neither CSV nor Parquet"),
    "not utf-8": (HEAD.encode() + b"2012-11-21,\xff\xfe,12,9,11,500\n", "ACME.csv"),
    "utf-16": (HEAD.encode("utf-16"), "ACME.csv is UTF-16 text; save it as UTF-8"),
    "cut parquet": (b"PAR1\x00\x00\x00", "ACME.csv cannot be read as CSV or Parquet"),
    "json": (json.dumps([{"open": 1}]), "ACME.csv is JSON; convert it to CSV or Parquet"),
    "web page": ("<!DOCTYPE html><html></html>", "ACME.csv is a web page"),
    "yfinance with three lines": (
        "Price,Close,High,Low,Open,Volume\nTicker,A,A,A,A,A\nDate,,,,,\n2012-11-21,1,1,1,1,1\n",
        "has yfinance's header of three lines",
    ),
    "long line": (HEAD + ROW + "2012-11-23,1,2,3,4,5,6,7\n", "ACME.csv cannot be read as CSV or Parquet"),
    "short line": (HEAD + ROW + "2012-11-23,11\n", "ACME: high must not be missing, was None in row 2"),
    "no volume": (
        "Date,Open,High,Low,Close\n2012-11-21,1,1,1,1\n",
        "no column for volume; its columns are Date, Open",
    ),
    "no date": ("Open,High,Low,Close,Volume\n1,1,1,1,1\n", "no column for date or timestamp;"),
    "two closes": (
        "Date,Open,High,Low,Close,Last,Volume\n2012-11-21,1,1,1,1,1,1\n",
        "columns 'Close' and 'Last' could both be the close",
    ),
    "no number": (HEAD + "2012-11-21,ten,12,9,11,500\n", "ACME: Open must be a number, was 'ten' in row 1"),
    "decimal comma": (
        HEAD.replace(",", ";") + "2012-11-21;10,5;12;9;11;500\n",
        "ACME: Open must be a number, was '10,5'",
    ),
    "null": (HEAD + "2012-11-21,null,12,9,11,500\n", "ACME: open must not be missing"),
    "no date at all": (
        lines("someday"),
        "ACME: the date must be such as 2005-01-31 or 1/31/2005, was 'someday' in row 1",
    ),
    "seven digits": (lines("2012112"), "was '2012112'"),
    "a broken cell": (lines('"some\nday"'), "was 'some day'"),
    "a broken header": ('"Da\nte",Open\n1,2\n', "its columns are Da te, Open"),
    "two-digit year": (lines("11/21/12"), "was '11/21/12'"),
    "no such day": (lines("2012-02-30"), "was '2012-02-30'"),
    "missing date": (lines("2012-11-21", ""), "ACME: the date must not be missing in row 2"),
    "holiday": (lines("2012-11-22"), "ACME: a daily date must be a session of XNYS"),
    "ambiguous dates": (
        lines("01/02/2013", "01/03/2013"),
        "can be month/day or day/month, no day is above 12; write them as 2005-01-31, or pass day_first=",
    ),
    "mixed dates": (lines("11/21/2012", "23/11/2012"), "some put the day first, some the month"),
    "weeks": (
        lines("2012-11-05", "2012-11-12", "2012-11-19"),
        "its dates are 7 days apart; weekly and monthly bars are not read",
    ),
    "foreign zone": (
        lines("2012-11-21 00:00:00+08:00"),
        "stamps are +08:00 from UTC, which is not the time of XNYS; say their own exchange's code",
    ),
    "bare time": (minutes(), "times such as 2012-11-21 10:30:00 carry no time zone; say timezone='UTC'"),
    "intraday of unknown length": (
        minutes(zone="-05:00"),
        "how long the bars are is not said (they look like 1min); say interval='1min' (--interval 1min)",
    ),
    "unsorted": (
        lines("2012-11-23", "2012-11-21"),
        "ACME: bars must be in order of bar_close, this one follows 2012-11-23 18:00 in row 2",
    ),
    "duplicate": (lines("2012-11-21", "2012-11-21"), "ACME: a bar must appear once in row 2"),
    "nan": (HEAD + "2012-11-21,10,12,9,NaN,500\n", "ACME: close must not be missing"),
    "infinite": (HEAD + "2012-11-21,10,inf,9,11,500\n", "ACME: high must be finite"),
    "negative": (HEAD + "2012-11-21,10,12,-9,11,500\n", "ACME: low must be positive, was -9.0"),
    "adjusted close": (
        "Date,Open,High,Low,Close,Volume,Adj Close\n2012-11-21,10,12,9,11,500,-inf\n",
        "ACME: Adj Close must be positive, was -inf",
    ),
    "nameless bar close": (
        "bar_close,open,high,low,close,volume\n2012-11-21 21:00,1,1,1,1,1\n",
        "carry no time zone",
    ),
}
