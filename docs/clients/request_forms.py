"""Requests of every form that MLflow's scoring protocol has, usual and odd, from a seed.

`Forms(random, columns, params).request()` gives `(what, content type or None, body)`. The cells are mostly good for their
column; the rest are what clients send by mistake: other types, numbers as text, what is missing, NaN, lists, integers of
any size, rows of other lengths, names twice.
"""

import io
import json
import math

import numpy as np
import pandas as pd


class Raw(str):
    """A JSON token that is written as it is."""


# Tokens that `json.dumps` never writes; the last ones are no JSON at all.
TOKENS = ["-0", "-0.0", "1e3", "1E+2", "1e-7", "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "0.1e1", "5e-324", "1e400",
          "123456789012345678901234567890", "9" * 400, "0.30000000000000004", "2.2250738585072011e-308", "1.7976931348623159e308",
          "9007199254740993", "9007199254740993.0", "100000000000000000000000.5", "1.00000000000000011102230246251565",
          "16777217.0", "3.4028235677973366e38", '"\\u0041"', '"\\ud83d\\ude00"', '"\\ud800"', "01", "1.", ".5", "+1", "nan", "0x1"]
GOOD_TOKENS = len(TOKENS) - 6
ODD = [None, True, False, 0, 1, -1, 1.5, -0.0, "1", "1.5", " 2 ", "abc", "", "nan", "inf", "-inf", "1_0", math.nan, math.inf,
       2**31, -2**31 - 1, 2**53 + 1, 2**63, 2**64, -2**63 - 1, 1e20, 1e39, [1], [], {}, {"a": 1}, "NA", "paris", "é", "東京", 3e9,
       0.1, 16777217, "true", "True", "FALSE", 5e-324, 123456789012345678, [[1]], "1e5", "0x1", "١", "None", "null", "2024-01-01",
       -1.9, 255, 1e-320, "\u00a01", "1\n", "+1", ".5", "5.", "1e", "infinity", [1, 2], [None], "2024-01-01T00:00:00Z", 0.0]
WORDS = ["paris", "berlin", "ios", "web", "a", "zürich", "x", "", "nan", "7", "new york", "b\"q", "back\\slash", "tab\t"]
CSV_WORDS = ["", "NA", "N/A", "null", "NULL", "None", "nan", "NaN", "-nan", "<NA>", "n/a", "#N/A", "1,000", "1.5", " 1.5", "1.5 ",
             "\"1.5\"", "\"a,b\"", "\"a\"\"b\"", "\"x\ny\"", "abc", "true", "True", "FALSE", "inf", "-Infinity", "1e5", "1e400", "+1",
             "0x1F", "1_000", "9007199254740993", "9223372036854775808", "18446744073709551616", "-9223372036854775809", "'1'",
             "1.", ".5", "1e", "e1", "--1", "1-", "٣", "1;2", "\"", "\"1", "1\"", "00012", "-0", "1.0", "0", "1", "  ", "\t", "#",
             "2024-01-01", "1d5", "1f", "infinity", "Inf", "0.1e-7", "4.9e-324", "2147483648", "1 2", "é", "\ufeff1"]
CONTENT_TYPES = ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "application/json; charset=latin-1",
                 "application/json; charset=\"utf-8\"", "application/json;", "application/json; ", "application/json; foo=bar",
                 "application/json; format=pandas-split", "application/json; format=pandas-records", "application/json; format=x",
                 "Application/JSON", "application/json ; charset=utf-8", "application/json; Charset=utf-8", "application/json;charset=utf8",
                 "text/plain", "text/csv", "text/csv; charset=utf-8", "text/csv; header=present", "application/csv",
                 "application/x-www-form-urlencoded", "application/vnd.apache.parquet", "application/octet-stream", "", " ", ";",
                 "application/json, text/csv", "application/json; charset=utf-8; charset=utf-16", "application/json; a; b",
                 "application/json;charset", "application/json; charset =utf-8", None]
PARAMS = [{}, None, {"i": 5}, {"i": "x"}, {"i": 1.0}, {"i": True}, {"i": 2**40}, {"l": 2**70}, {"d": 1}, {"d": "1"}, {"f": None}, {"s": 1},
          {"s": "é"}, {"b": 1}, {"b": False}, {"li": [1, 2]}, {"li": 1}, {"li": [1.5]}, {"li": []}, {"li": [[1]]}, {"ld": [1, 2.5]},
          {"ls": ["a", 1]}, {"lb": [True, 0]}, {"dt": "2024-01-01"}, {"dt": "x"}, {"dt": 5}, {"dt": "2024-01-01T01:02:03"}, {"o": {"k": "v"}},
          {"o": {"n": 1}}, {"o": 1}, {"o": {"k": "v", "z": 1}}, {"zz": 1}, {"k": 1, "zz": [1]}, 5, "x", [], [{"i": 1}], True,
          {"i": 1, "l": 2, "d": 0.5, "s": "y", "b": True}, {"i": [1]}, {"s": None, "i": None}, {"i": math.nan}, {"d": math.inf}]


DATES = ["2024-01-01", "2024-01-01T10:00:00", "2024-01-01 10:00", "2024-01-01T10:00:00.5", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00",
         "01/02/2024", "13/02/2024", "2024-02-30", "20240101", "2024", "2024-01", "Jan 1, 2024", "1 January 2024", "10:00", "now", "2024-1-1",
         "1704067200", "0001-01-01", "9999-12-31", "1677-09-21", "2263-01-01", "2024/01/01", "01.02.2024", "2024-01-01T10", "2024-01-01 10:00:00 PM", "NaT", ""]
BASE64 = ["eA==", "aGVsbG8=", "MQ==", "MS41", "IDI=", "", "/w==", "cGFyaXM=", "eA", "abc", "w7w="]


class Forms:
    """Requests for one model: `columns` are `(name, type, required)` in order, `params` the names of its parameters."""

    def __init__(self, random, columns):
        self.random = random
        self.columns = columns
        # Mostly dates of one form, as clients send.
        self.dates = self.random.choice([DATES[:1], DATES[1:2], DATES[2:3], DATES])

    def request(self):
        """One request."""
        kinds = [(self.json, 60), (self.csv, 20), (self.parquet, 8), (self.header, 4), (self.damaged, 4), (self.old, 4)]
        made = self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        return made()

    # ---------------------------------------------------------------- cells

    def good(self, kind):
        if kind in ("double", "float"):
            pick = [self.random.gauss(0, 3), round(self.random.gauss(0, 10), 2), self.random.randint(-5, 9), 0.0, self.random.uniform(0, 200)]
            return self.random.choice(pick)
        if kind in ("long", "integer"):
            return self.random.choice([self.random.randint(-3, 200), self.random.randint(0, 10**6)])
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "datetime":
            return self.random.choice(self.dates)
        if kind == "binary":
            return self.random.choice(BASE64)
        if kind.startswith("Array"):
            inner = "string" if "string" in kind else "long" if "long" in kind else "double"
            cells = [self.good(inner) for _ in range(self.random.randint(0, 3))]
            return [cells, cells] if kind.count("Array") > 1 else cells
        if kind.startswith("Map"):
            return {self.random.choice("kmn"): self.random.choice([1, 2.5])}
        if kind.startswith("{") or kind.startswith("Object"):
            return self.random.choice([{"k": "v"}, {"k": "v", "n": 1}])
        if kind == "Any":
            return self.random.choice([1, 1.5, "x", [1], [[1, 2], [3]], {"k": 1}, None])
        return self.random.choice(WORDS)

    def cell(self, kind, odd):
        if self.random.random() >= odd:
            return self.good(kind)
        if self.random.random() < 0.25:
            return Raw(self.random.choice(TOKENS[: GOOD_TOKENS if self.random.random() < 0.8 else len(TOKENS)]))
        return self.random.choice(ODD)

    def chance(self, probability):
        return self.random.random() < probability

    def table(self):
        """Names and rows, often as the signature wants them."""
        odd = self.random.choice([0, 0, 0, 0.05, 0.05, 0.3])
        kinds = {name: kind for name, kind, _ in self.columns}
        names = [name for name, _, _ in self.columns]
        if self.chance(0.2):
            self.random.shuffle(names)
        if self.chance(0.1):
            names.insert(self.random.randint(0, len(names)), self.random.choice(["extra", "0", "", "é"]))
        if self.chance(0.1):
            names = [name for name, _, required in self.columns if required or self.chance(0.5)]
        if names and self.chance(0.05):
            names.pop(self.random.randrange(len(names)))
        if names and self.chance(0.03):
            names.append(self.random.choice(names))
        count = self.random.choice([1, 1, 1, 2, 3, 5])
        rows = [[self.cell(kinds.get(name, "double"), odd) for name in names] for _ in range(count)]
        if odd and names and self.chance(0.4):
            place, value = self.random.randrange(len(names)), self.random.choice(ODD)
            for row in rows:
                row[place] = value
        return names, rows

    # ---------------------------------------------------------------- JSON

    def json(self):
        forms = [self.split, self.split, self.records, self.inputs, self.inputs, self.rows, self.rows, self.array, self.odd_envelope]
        what, body = self.random.choice(forms)()
        if self.chance(0.12) and isinstance(body, dict):
            body["params"] = self.random.choice(PARAMS)
            what += ", params"
        if self.chance(0.02) and isinstance(body, dict):
            body[self.random.choice(["input", "prompt", "messages", "foo", "inputs", "instances", "columns", "data"])] = self.random.choice([1, [1], None, "x"])
            what += ", more fields"
        return what, "application/json", self.encoded(self.text(body))

    def text(self, value):
        """JSON, now and then with other white space, escapes or a key twice."""
        comma, colon = self.random.choice([(", ", ": "), (",", ":"), (" ,\n\t", " :\r\n ")])
        escape = self.chance(0.5)

        def write(value):
            if isinstance(value, Raw):
                return str(value)
            if isinstance(value, dict):
                pairs = [write(key) + colon + write(item) for key, item in value.items()]
                if pairs and self.chance(0.005):
                    pairs.append(self.random.choice(pairs).rsplit(colon, 1)[0] + colon + "1")
                return "{" + comma.join(pairs) + "}"
            if isinstance(value, list):
                return "[" + comma.join(write(item) for item in value) + "]"
            text = json.dumps(value, ensure_ascii=escape)
            if isinstance(value, str) and value and self.chance(0.02):
                text = '"' + "".join(f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else letter for letter in value) + '"'
            return text

        text = write(value)
        return self.random.choice(["", "", "", " ", "\n"]) + text + self.random.choice(["", "", "", " ", "\n"])

    def encoded(self, text):
        if self.chance(0.97):
            return text.encode("utf-8", "surrogatepass")
        encoding = self.random.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-32-be", "latin-1"])
        return text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")

    def split(self):
        names, rows = self.table()
        body = {"columns": names, "data": rows}
        if self.chance(0.12):
            count = len(rows)
            indexes = [list(range(count)), ["a"] * count, [0], [], None, 5, list(range(count + 1)), "x", {"a": 1}, [[1]] * count]
            body["index"] = self.random.choice(indexes)
        if self.chance(0.06):
            rows[-1] = rows[-1][:-1] if self.chance(0.6) else [*rows[-1], 1]
        if self.chance(0.03):
            rows.append(self.random.choice([None, 5, "ab", {}, [], True, "", [[]]]))
        if self.chance(0.03):
            others = [None, list(range(len(names))), names[:-1], dict.fromkeys(names, 1), 5, "x", [[name] for name in names], [None] * len(names), []]
            body["columns"] = self.random.choice(others)
        if self.chance(0.04):
            body["data"] = {name: [row[place] for row in rows if isinstance(row, list) and len(row) > place] for place, name in enumerate(names)}
        if self.chance(0.02):
            body["data"] = self.random.choice([[], [[]], None, {}, 5, "x", [[], []], [[], [1]], [1, 2]])
        if self.chance(0.02):
            body.pop("columns")
        if self.chance(0.02):
            body["foo"] = 1
        if self.chance(0.1):
            body = dict(reversed(body.items()))
        return "split", {"dataframe_split": body if self.chance(0.99) else self.random.choice([[], None, "x", 5])}

    def dicts(self):
        names, rows = self.table()
        rows = [dict(zip(names, row)) for row in rows]
        if self.chance(0.1) and rows[-1]:
            rows[-1].pop(self.random.choice(list(rows[-1])))
        if self.chance(0.1):
            rows[-1] = dict(reversed(rows[-1].items()))
        if self.chance(0.03):
            rows[0]["later"] = 1
        if self.chance(0.04):
            rows.insert(self.random.choice([0, len(rows)]), self.random.choice([None, 5, "ab", {}, [], [1], "", True, [["a", 1]]]))
        return rows

    def records(self):
        rows = self.dicts()
        return "records", {"dataframe_records": rows if self.chance(0.97) else self.random.choice([[], {}, None, [{}], "x", 5, rows[0], [[1, 2]], [1, 2]])}

    def rows(self):
        field, rows = self.random.choice(["inputs", "instances"]), self.dicts()
        if self.chance(0.1):
            rows = rows[0]
        return f"{field} rows", {field: rows}

    def inputs(self):
        names, rows = self.table()
        body = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        if self.chance(0.15):
            body = dict(zip(names, rows[0]))
        if names and self.chance(0.06):
            body[names[0]] = self.random.choice([rows[0][0], [1], [], [[1]], None, {}, [rows[0][0], [1]], "x"])
        if self.chance(0.03):
            body = {name: [values] for name, values in body.items()}
        field = "inputs" if self.chance(0.85) else "instances"
        return f"{field} columns", {field: body}

    def array(self):
        _, rows = self.table()
        field = self.random.choice(["inputs", "inputs", "instances"])
        if self.chance(0.15):
            rows = [[self.random.randint(0, 9) for _ in row] for row in rows]
        elif self.chance(0.5):
            rows = [[self.good("double") for _ in row] for row in rows]
        value = rows
        if self.chance(0.1):
            value = rows[0]
        if self.chance(0.06) and isinstance(value[-1:], list) and value and isinstance(value[-1], list):
            value[-1] = value[-1][:-1]
        if self.chance(0.04):
            value = [value]
        if self.chance(0.06):
            value = self.random.choice([5, 1.5, None, "x", [], [[]], True, [[], []], [1], [[1]], [None], ["a"], [[[]]], {}, [True, False], [[None]]])
        return f"{field} array", {field: value}

    def odd_envelope(self):
        what, body = self.random.choice([self.split, self.records, self.inputs])()
        odd = self.random.choice([{}, [], None, 5, "x", True, 1.5, {"foo": 1}, [1], {"predictions": []}, {**body, "inputs": {}},
                                  {"input": "x"}, {"messages": []}, {"prompt": "hi"}, {"data": [[1]]}, {"columns": ["a"]}, {"Inputs": []},
                                  {"dataframe_split": {}}, {"params": {}}, {**body, "index": [0]}, {"instances": None}, [[]], [{}]])
        return "odd envelope", odd

    def old(self):
        names, rows = self.table()
        if self.chance(0.5):
            return "1.x split", "application/json", self.encoded(self.text({"columns": names, "data": rows}))
        return "1.x records", "application/json", self.encoded(self.text([dict(zip(names, row)) for row in rows]))

    def damaged(self):
        _, kind, body = self.json()
        body = bytearray(body)
        for _ in range(self.random.choice([1, 1, 2, 5])):
            place = self.random.randrange(len(body) + 1)
            change = self.random.choice(["cut", "drop", "set", "add"])
            if change == "cut" and self.chance(0.3):
                del body[place:]
            elif change == "add" or place == len(body):
                body.insert(place, self.random.choice(b'{}[],:"\\ 019.-eEntfaN\x00\xff\xc3\n'))
            elif change == "drop":
                del body[place]
            else:
                body[place] = self.random.choice(b'{}[],:"\\ 019.-eEntfaN\x00\xff\xc3\n')
        return "damaged", kind, bytes(body)

    def header(self):
        what, _, body = self.random.choice([self.json, self.csv])()
        return f"{what}, content type", self.random.choice(CONTENT_TYPES), body

    # ---------------------------------------------------------------- files

    def csv(self):
        names, rows = self.table()
        odd = self.random.choice([0, 0, 0.03, 0.1, 0.3])

        def field(value):
            if self.chance(odd):
                return self.random.choice(CSV_WORDS)
            if value is None or isinstance(value, (list, dict)):
                return ""
            text = str(value)
            if any(letter in text for letter in ',"\n\r'):
                text = '"' + text.replace('"', '""') + '"'
            return f'"{text}"' if self.chance(odd / 4) and '"' not in text else text

        lines = [",".join(names)] + [",".join(field(cell) for cell in row) for row in rows]
        if odd and self.chance(0.3) and names:
            word, place = self.random.choice(CSV_WORDS), self.random.randrange(len(names))
            lines[1:] = [",".join([*line.split(",")[:place], word, *line.split(",")[place + 1:]]) for line in lines[1:]]
        if self.chance(0.04):
            line = self.random.randrange(len(lines))
            lines[line] += self.random.choice([",9", ",", ",,", ",1,2"])
        if self.chance(0.04):
            lines[-1] = lines[-1].rsplit(",", 1)[0]
        if self.chance(0.04):
            lines.insert(self.random.randrange(len(lines) + 1), self.random.choice(["", " ", "\t", ",", "#x", '""']))
        if self.chance(0.02):
            lines = [self.random.choice(["9,", "i,"]) + line if line_number else line for line_number, line in enumerate(lines)]
        if self.chance(0.02):
            lines = ["," + lines[0]] + [f"{place}," + line for place, line in enumerate(lines[1:])]
        if self.chance(0.03):
            lines = lines[:1]
        if self.chance(0.01):
            lines = self.random.choice([[""], [], ["", ""], [" "], [","], ['"'], ["\ufeff"]])
        if self.chance(0.03) and lines:
            lines[0] = self.random.choice([" " + lines[0], lines[0] + " ", lines[0].replace(",", ", "), ",".join(f'"{name}"' for name in names), lines[0].upper()])
        if self.chance(0.02):
            lines = [line.replace(",", ";") for line in lines]
        end = self.random.choice(["\n", "\n", "\n", "\r\n", "\r"])
        text = end.join(lines) + self.random.choice(["", end, end, end + end])
        if self.chance(0.03):
            text = "\ufeff" + text
        body = text.encode()
        if self.chance(0.01):
            body = self.random.choice([text.encode("utf-16"), body + b"\xff", body.replace(b"1", b"\x00"), b""])
        return "csv", "text/csv", body

    def parquet(self):
        names, rows = self.table()
        kinds = {name: kind for name, kind, _ in self.columns}
        names = list(dict.fromkeys(names))
        dtypes = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
        frame = pd.DataFrame()
        count = len(rows)
        for name in names:
            kind = kinds.get(name, "double")
            values = [self.good(kind) for _ in range(count)]
            column = pd.Series(values, dtype=dtypes.get(kind, "object"))
            if self.chance(0.1):
                other = self.random.choice(["float64", "float32", "int64", "int32", "int16", "uint8", "uint64", "bool", "str", "category", "Int64", "boolean", "Float64", "datetime64[ns]", "object"])
                try:
                    column = column.astype(other)
                except (TypeError, ValueError, OverflowError):
                    pass
            if self.chance(0.08):
                numeric = kind in dtypes and kind != "boolean" and column.dtype.kind in "iuf"
                column = column.astype(self.random.choice(["object", "Float64"]) if numeric else "object")
                column[self.random.randrange(count)] = None
            frame[name] = column.to_numpy() if self.chance(0.5) and str(column.dtype) in ("object",) else column
        if self.chance(0.1) and count:
            frame.index = self.random.choice([pd.Index(range(5, 5 + count)), pd.Index([str(row) for row in range(count)], name="key"), pd.RangeIndex(1, 1 + count), pd.Index([0.5] * count)])
        if self.chance(0.03):
            frame = frame.iloc[:0]
        if self.chance(0.03) and names:
            frame = frame.set_index(names[0])
        out = io.BytesIO()
        try:
            frame.to_parquet(out, compression=self.random.choice(["snappy", "snappy", None, "gzip"]), index=self.random.choice([None, None, True, False]))
        except Exception:  # pyarrow refuses some mixtures: then a plain one will do
            out = io.BytesIO()
            pd.DataFrame({name: np.arange(count, dtype=float) for name in names}).to_parquet(out)
        body = out.getvalue()
        if self.chance(0.02):
            body = self.random.choice([body[:-3], body[4:], b"", b"PAR1", body[: len(body) // 2] + b"\x00" + body[len(body) // 2 + 1:]])
        return "parquet", "application/vnd.apache.parquet", body
