"""How a table was read, which is kept with what was fitted to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """How a table was read, so that the next one of its kind is read alike.

    Attributes:
        kind: `"csv"`, `"parquet"` or `"frame"`.
        separator: What parts the fields of a text file.
        decimal: `"."` or `","`.
        encoding: Of a text file.
        as_text: Columns that look like whole numbers but begin with zeros, such as postal codes.
        units: What stood below the names in a row of units, which is left out; empty where there was none.
        unsure: Columns of numbers such as 1.234 alone, of which nothing in the file says whether these are thousands.
        left_out: What of the file is in no row or column, in words.
        num_rows: That were read; 0 where that is not known, as of older runs.
    """

    kind: str
    separator: str | None = None
    decimal: str = "."
    encoding: str | None = None
    as_text: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    num_rows: int = 0

    @property
    def facts(self) -> dict[str, str]:
        """What was read and how, by name, in words."""
        kind = {"csv": "text, a row in each line", "parquet": "Parquet"}.get(
            self.kind, "a frame, or columns, in memory"
        )
        facts = {"form": kind}
        if self.kind == "csv":
            parted = {"\t": "tabs", " ": "blanks", ",": "commas", ";": "semicolons"}
            facts["fields parted by"] = parted.get(self.separator or "", repr(self.separator))
            facts["decimal mark"] = "comma" if self.decimal == "," else "point"
            facts["encoding"] = self.encoding or ""
        facts["rows"] = f"{self.num_rows:,}" if self.num_rows else ""
        facts["left out"] = "; ".join(self.left_out)
        facts["whole numbers kept as text, for their leading zeros"] = ", ".join(self.as_text)
        return {name: said for name, said in facts.items() if said}
