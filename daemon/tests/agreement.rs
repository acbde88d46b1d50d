//! The fast path and the exact path give the same answer to every body: the fast one may give up, but never differs.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they compared")]

mod support;

use proptest::prelude::*;
use support::{Case, cases};
use yummy_models::Frame;
use yummyd::decode::{Request, decode_csv_fast, decode_exactly, decode_fast};

/// What both paths must agree on: nothing, or the request with the bits of its cells.
fn agree(case: &Case, body: &[u8]) -> bool {
    let mut fast = Frame::new(0);
    let request = decode_fast(&case.plan, body, &mut fast);
    agree_on(case, "application/json", body, request, &fast)
}

/// The same for CSV.
fn agree_csv(case: &Case, body: &[u8]) -> bool {
    let mut fast = Frame::new(0);
    let request = decode_csv_fast(&case.plan, body, &mut fast);
    agree_on(case, "text/csv", body, request, &fast)
}

fn agree_on(case: &Case, kind: &str, body: &[u8], request: Option<Request>, fast: &Frame) -> bool {
    let Some(request) = request else { return false };
    let mut exact = Frame::new(0);
    let expected = decode_exactly(&case.plan, Some(kind), body, &mut exact);
    let text = String::from_utf8_lossy(body);
    assert_eq!(expected, Ok(request), "{}: {text}", case.name);
    let bits = |frame: &Frame| frame.cells().iter().map(|cell| cell.to_bits()).collect::<Vec<_>>();
    // NaN has one meaning here; its bits are those of the constant on both paths.
    assert_eq!(bits(fast), bits(&exact), "{}: {text}", case.name);
    true
}

/// A cell of JSON, mostly usual.
fn cell() -> impl Strategy<Value = String> {
    let odd = [
        "null",
        "true",
        "false",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-0",
        "-0.0",
        "\"x\"",
        "\"1.5\"",
        "\"\"",
        "[1]",
        "{}",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "2147483648",
        "-2147483649",
        "1e20",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "\"\\u0041\"",
        "nul",
        "16777217",
        "-1.9",
        "0.1e-7",
        "1E+2",
        "4294967296.5",
    ];
    prop_oneof![
        4 => (-100_i32..1000).prop_map(|value| value.to_string()),
        6 => any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| format!("{value:?}")),
        4 => (-1e4_f64..1e4).prop_map(|value| value.to_string()),
        3 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["\"paris\"", "\"a b\"", "\"zürich\"", "7", "0", "1"]).prop_map(str::to_owned),
    ]
}

fn table(width: usize) -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(cell(), width), 1..4)
}

/// A body of one of the forms, with names in an order of its own and sometimes something odd around.
fn body(names: Vec<String>) -> impl Strategy<Value = String> {
    let width = names.len();
    let around = prop::sample::select(vec!["", "", "", "", "\"index\":[0],", "\"index\":[0,1],", "\"foo\":1,"]);
    let tails = [
        "",
        "",
        "",
        "",
        "",
        ",\"params\":{}",
        ",\"params\": {\"predict_method\": \"predict\"} ",
        ",\"params\":{\"predict_method\":\"leaf_index\"}",
        ",\"params\":[1,{\"a\":\"\\u0041\"}]",
        ",\"params\":null,\"params\":5",
        ",\"foo\":1",
        " ",
        "x",
    ];
    let tail = prop::sample::select(tails.to_vec());
    let names = Just(names).prop_shuffle();
    (0..6_usize, names, table(width), around, tail, 0..8_usize).prop_map(
        |(form, mut names, rows, around, tail, change)| {
            match change {
                0 if names.len() > 1 => names[0] = names[1].clone(),
                1 => names[0] = "\"extra\"".into(),
                _ => {}
            }
            let array = |row: &Vec<String>| format!("[{}]", row.join(", "));
            let dict = |row: &Vec<String>| {
                let pairs: Vec<String> = names.iter().zip(row).map(|(name, cell)| format!("{name}:{cell}")).collect();
                format!("{{{}}}", pairs.join(","))
            };
            let all = |row: &dyn Fn(&Vec<String>) -> String| rows.iter().map(row).collect::<Vec<_>>().join(",");
            let columns = |place: usize| {
                let cells: Vec<&str> = rows.iter().map(|row| row[place].as_str()).collect();
                format!("{}:[{}]", names[place], cells.join(","))
            };
            let inner = match form {
                0 | 1 => format!(
                    "\"dataframe_split\":{{{around}\"columns\":[{}],\"data\":[{}]}}",
                    names.join(","),
                    all(&array)
                ),
                2 => format!("\"dataframe_records\":[{}]", all(&dict)),
                3 => format!("\"instances\":[{}]", if change == 2 { all(&array) } else { all(&dict) }),
                4 => format!("\"inputs\":{{{}}}", (0..names.len()).map(columns).collect::<Vec<_>>().join(",")),
                _ => format!("\"inputs\":[{}]", if change < 5 { all(&array) } else { all(&dict) }),
            };
            match (form, change) {
                // The forms of 1.x.
                (1, 3) => format!("{{{around}\"columns\":[{}],\"data\":[{}]}}", names.join(","), all(&array)),
                (2, 3) => format!("[{}]", all(&dict)),
                _ => format!("{{{inner}{tail}}}"),
            }
        },
    )
}

/// A field of a CSV, mostly usual.
fn field() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "NA",
        "nan",
        "NaN",
        "null",
        "None",
        "true",
        "True",
        "FALSE",
        "inf",
        "-Infinity",
        "1e400",
        "+1",
        " 1",
        "1 ",
        "0x1F",
        "1_0",
        "01",
        "1.",
        ".5",
        "-0",
        "-0.0",
        "1e",
        "\"1\"",
        "\"a,b\"",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "2147483648",
        "-2147483649",
        "abc",
        "\t",
        " ",
        "\u{feff}1",
        "1;2",
    ];
    prop_oneof![
        4 => (-100_i32..1000).prop_map(|value| value.to_string()),
        6 => any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| format!("{value:?}")),
        4 => (-1e4_f64..1e4).prop_map(|value| value.to_string()),
        2 => prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["paris", "a b", "zürich", "7", "0", "1", "true", "False"]).prop_map(str::to_owned),
    ]
}

/// A CSV, often with a column more, less, or twice, with lines of another length, and with any line ends.
fn csv() -> impl Strategy<Value = String> {
    let names = Just(["a", "b c", "ü", "d"].map(str::to_owned).to_vec()).prop_shuffle();
    let rows = prop::collection::vec(prop::collection::vec(field(), 5), 0..4);
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r"]);
    (names, rows, end, 0..16_usize, 0..4_usize).prop_map(|(mut names, mut rows, end, change, tail)| {
        match change {
            0 => names.push("extra".into()),
            1 => names[0] = names[1].clone(),
            2 => drop(names.pop()),
            _ => {}
        }
        for row in &mut rows {
            row.truncate(names.len());
        }
        match (change, rows.last_mut()) {
            (3, Some(row)) => row.push("9".into()),
            (4, Some(row)) => drop(row.pop()),
            (5, Some(row)) => row.fill(String::new()),
            _ => {}
        }
        let mut lines: Vec<String> = std::iter::once(&names).chain(&rows).map(|row| row.join(",")).collect();
        if change == 6 {
            lines.insert(1, ["", " ", ",,,", "#"][tail].into());
        }
        let mark = if change == 7 { "\u{feff}" } else { "" };
        format!("{mark}{}{}", lines.join(end), ["", end, end, "\n\n"][tail])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn both_paths_agree(seed in 0..cases().len(), index in any::<prop::sample::Index>(), bodies in prop::collection::vec(body(
        ["\"a\"", "\"b c\"", "\"ü\"", "\"d\""].map(str::to_owned).to_vec()), 4))
    {
        let cases = cases();
        let case = &cases[seed];
        agree(case, index.get(&bodies).as_bytes());
    }

    #[test]
    fn both_paths_agree_on_csv(seed in 0..cases().len(), index in any::<prop::sample::Index>(),
        files in prop::collection::vec(csv(), 4), at in any::<prop::sample::Index>(), byte in any::<u8>())
    {
        let case = &cases()[seed];
        let file = index.get(&files).as_bytes();
        agree_csv(case, file);
        let mut damaged = file.to_vec();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        agree_csv(case, &damaged);
        agree_csv(case, &damaged[..at]);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), seed in 0..cases().len()) {
        let case = &cases()[seed];
        for kind in ["application/json", "text/csv", "application/vnd.apache.parquet"] {
            let _ = yummyd::decode::decode(&case.plan, Some(kind), &bytes, &mut Frame::new(0));
        }
    }

    #[test]
    fn no_damaged_body_panics(text in body(["\"a\"", "\"b c\"", "\"ü\"", "\"d\""].map(str::to_owned).to_vec()),
        at in any::<prop::sample::Index>(), byte in any::<u8>(), seed in 0..cases().len())
    {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let case = &cases()[seed];
        agree(case, &bytes);
        agree(case, &bytes[..at]);
        for kind in ["application/json", "text/csv"] {
            let _ = yummyd::decode::decode(&case.plan, Some(kind), &bytes, &mut Frame::new(0));
        }
    }
}

#[test]
fn the_usual_shapes_are_fast() {
    let row = "1.5, 2, null, -0.25";
    let pairs = "\"a\": 1.5, \"b c\": 2, \"ü\": null, \"d\": -0.25";
    let columns = "\"a\": [1.5], \"b c\": [2], \"ü\": [null], \"d\": [-0.25]";
    let names = "[\"a\", \"b c\", \"ü\", \"d\"]";
    let cases = cases();
    let case = cases.iter().find(|case| case.name == "doubles").unwrap();
    for body in [
        format!("{{\"dataframe_split\": {{\"columns\": {names}, \"data\": [[{row}]]}}}}"),
        format!("{{\"dataframe_split\": {{\"index\": [0], \"columns\": {names}, \"data\": [[{row}]]}}}}"),
        format!("{{\"dataframe_records\": [{{{pairs}}}, {{{pairs}}}]}}"),
        format!("{{\"columns\": {names}, \"data\": [[{row}]]}}"),
        format!("[{{{pairs}}}]"),
        format!("{{\"instances\": [{{{pairs}}}]}}"),
        format!("{{\"inputs\": [{{{pairs}}}]}}"),
        format!("{{\"inputs\": {{{pairs}}}}}"),
        format!("{{\"inputs\": {{{columns}}}}}"),
    ] {
        assert!(agree(case, body.as_bytes()), "{body}");
    }
    let case = cases.iter().find(|case| case.name == "no signature").unwrap();
    assert!(agree(case, b"{\"inputs\": [[1.5, 2, 3, 4]]}"));
    let case = cases.iter().find(|case| case.name == "unnamed").unwrap();
    assert!(agree(case, format!("{{\"dataframe_split\": {{\"columns\": {names}, \"data\": [[{row}]]}}}}").as_bytes()));
    let case = cases.iter().find(|case| case.name == "categories").unwrap();
    let body = format!("{{\"dataframe_split\": {{\"columns\": {names}, \"data\": [[\"paris\", 7, 1.5, 2]]}}}}");
    assert!(agree(case, body.as_bytes()));
}

#[test]
fn repeated_labels_are_left_to_the_exact_path() {
    for case in cases() {
        let body = "{\"dataframe_split\": {\"columns\": [\"d\", \"d\", \"a\", \"c\"], \"data\": [[1.5, 2, 3, 4]]}}";
        assert!(!agree(&case, body.as_bytes()), "{}", case.name);
    }
}

#[test]
fn usual_csv_and_params_are_fast() {
    let cases = cases();
    let case = |name: &str| cases.iter().find(|case| case.name == name).unwrap();
    for file in
        ["a,b c,ü,d\n1.5,2,,-0.25\n1e-5,0,3,4\n", "d,a,extra,ü,b c\r\n1,2,x y,3,4\r\n", "\u{feff}a,b c,ü,d\n1,2,3,4"]
    {
        assert!(agree_csv(case("doubles"), file.as_bytes()), "{file}");
    }
    assert!(agree_csv(case("types"), b"a,b c,\xC3\xBC,d\n1.5,7,-3,True\n0,1,2,false\n"));
    assert!(agree_csv(case("categories"), "a,b c,ü,d\nparis,7,1.5,2\n".as_bytes()));
    assert!(agree_csv(case("listed"), "a,b c,ü,d\nzürich,7,1.5,True\n".as_bytes()));
    assert!(agree_csv(case("no signature"), b"a,b,c,d\n1,2.5,,4\n"));
    assert!(agree_csv(case("unnamed"), b"a,b,c,d\n1,2.5,,4\n"));
    for body in [
        "{\"params\": {\"predict_method\": \"predict\", \"x\": [1]}, \"inputs\": {\"a\": 1, \"b c\": 2, \"ü\": 3, \"d\": 4}}",
        "{\"inputs\": {\"a\": [1], \"b c\": [2], \"ü\": [3], \"d\": [4]}, \"params\": {\"predict_method\": \"predict\"}}",
    ] {
        assert!(agree(case("doubles"), body.as_bytes()), "{body}");
    }
}
