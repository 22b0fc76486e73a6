use std::io;

use aar_types::{Medium, csv_cell, printable};
use comfy_table::{
    Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle,
};
use serde::Serialize;

use crate::Format;

/// An object in a listing. Tables and CSV show its row; JSON and YAML show what it serialises to,
/// which may be more than fits in a row.
pub trait Rows {
    /// Column names, in upper case.
    const HEADERS: &'static [&'static str];

    /// One cell for each column.
    fn row(&self) -> Vec<String>;
}

pub(crate) fn render<T: Rows + Serialize>(format: Format, items: &[T]) -> io::Result<String> {
    match format {
        Format::Table => Ok(table(items)),
        Format::Csv => csv(items),
        Format::Json => json(&items),
        Format::Yaml => yaml(&items),
    }
}

pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(printable(&text, Medium::Document).into_owned())
}

pub(crate) fn yaml<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    // Scripts search for fingerprints and messages, so these must not be wrapped.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let mut text =
        serde_saphyr::to_string_with_options(&value, options).map_err(io::Error::other)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(printable(&text, Medium::Document).into_owned())
}

fn csv<T: Rows>(items: &[T]) -> io::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(T::HEADERS)?;
    for item in items {
        let row = item.row();
        writer.write_record(row.iter().map(|cell| csv_cell(cell).into_owned()))?;
    }
    let bytes = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// The table style of the vendor's `amc`, which scripts parse: plain ASCII, a line after every row.
const BORDERS: TableStyle = {
    let line = LineStyle::new('+', '-', '+', '+');
    let content = ContentLineStyle::new('|', '|', '|');
    TableStyle::new()
        .top_border(line)
        .header_lines(content)
        .header_separator(line)
        .content_lines(content)
        .row_separator(line)
        .bottom_border(line)
};

fn table<T: Rows>(items: &[T]) -> String {
    let headers = T::HEADERS
        .iter()
        .map(|header| Cell::new(header).set_alignment(CellAlignment::Center));
    let mut table = Table::new();
    table
        .load_style(BORDERS)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headers.collect::<Vec<_>>())
        .add_rows(items.iter().map(cells));
    format!("{table}\n")
}

/// Cells can contain text of other parties.
fn cells<T: Rows>(item: &T) -> Vec<String> {
    let cells = item.row().into_iter();
    cells
        .map(|cell| printable(&cell, Medium::Line).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Fruit {
        name: &'static str,
        colours: Vec<&'static str>,
    }

    impl Rows for Fruit {
        const HEADERS: &'static [&'static str] = &["NAME", "COLOURS"];

        fn row(&self) -> Vec<String> {
            vec![self.name.to_owned(), self.colours.join(",")]
        }
    }

    fn shown(format: Format) -> String {
        let fruits = [
            Fruit {
                name: "apple, \"red\"",
                colours: vec!["red", "green"],
            },
            Fruit {
                name: "plum",
                colours: vec![],
            },
        ];
        render(format, &fruits).unwrap()
    }

    #[test]
    fn table_has_a_line_after_every_row() {
        insta::assert_snapshot!(shown(Format::Table), @r#"
        +--------------+-----------+
        |     NAME     |  COLOURS  |
        +--------------+-----------+
        | apple, "red" | red,green |
        +--------------+-----------+
        | plum         |           |
        +--------------+-----------+
        "#);
    }

    #[test]
    fn text_of_others_controls_no_format() {
        let hostile = Fruit {
            name: "a\nb\u{1b}[31m",
            colours: vec!["=1\u{9b}2J", "\u{202e}\u{200b}"],
        };
        let shown = |format| render(format, std::slice::from_ref(&hostile)).unwrap();
        for format in [Format::Table, Format::Csv, Format::Json, Format::Yaml] {
            let text = shown(format);
            let is_printable = |c: char| c == '\n' || (' '..='~').contains(&c);
            assert!(text.chars().all(is_printable), "{text:?}");
        }
        let row = r"| a\nb\u{1b}[31m | =1\u{9b}2J,\u{202e}\u{200b} |";
        assert!(shown(Format::Table).contains(row));
        let row = r#"a\nb\u{1b}[31m,"'=1\u{9b}2J,\u{202e}\u{200b}""#;
        assert!(shown(Format::Csv).contains(row));
        let read: serde_json::Value = serde_json::from_str(&shown(Format::Json)).unwrap();
        assert_eq!(read[0]["name"], hostile.name);
    }

    #[test]
    fn csv_cells_with_commas_and_quotes_are_quoted() {
        insta::assert_snapshot!(shown(Format::Csv), @r#"
        NAME,COLOURS
        "apple, ""red""","red,green"
        plum,
        "#);
    }

    #[test]
    fn json_and_yaml_show_the_whole_object() {
        insta::assert_snapshot!(shown(Format::Json), @r#"
        [
          {
            "name": "apple, \"red\"",
            "colours": [
              "red",
              "green"
            ]
          },
          {
            "name": "plum",
            "colours": []
          }
        ]
        "#);
        insta::assert_snapshot!(shown(Format::Yaml), @r#"
        - name: apple, "red"
          colours:
          - red
          - green
        - name: plum
          colours: []
        "#);
    }

    #[test]
    fn empty_listing_is_empty_in_every_format() {
        insta::assert_snapshot!(render::<Fruit>(Format::Table, &[]).unwrap(), @"
        +------+---------+
        | NAME | COLOURS |
        +------+---------+
        +------+---------+
        ");
        insta::assert_snapshot!(render::<Fruit>(Format::Csv, &[]).unwrap(), @"NAME,COLOURS");
        insta::assert_snapshot!(render::<Fruit>(Format::Json, &[]).unwrap(), @"[]");
        insta::assert_snapshot!(render::<Fruit>(Format::Yaml, &[]).unwrap(), @"[]");
    }
}
