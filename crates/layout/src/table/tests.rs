use proptest::prelude::*;

use super::*;

fn of(columns: Vec<Column>, rows: &[&[&str]]) -> Table {
    Table::new(columns, rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned())))
}

fn models() -> Table {
    let columns = vec![
        Column::text("model"),
        Column::text("format").leaves(2),
        Column::figure("size"),
        Column::figure("parameters").leaves(1),
        Column::text("where").wraps(),
    ];
    of(
        columns,
        &[
            &[
                "smollm2:135m",
                "Q4_1",
                "98.4 MB",
                "135 M",
                "stored, runs as smollm2:135m-bf16 on this machine",
            ],
            &["qwen3:30b-a3b", "Q4_K_M", "18.6 GB", "30.5 B, 3.3 B active", "not in the store"],
        ],
    )
}

#[test]
fn a_wide_terminal_and_a_pipe_have_the_whole_table() {
    let whole = models().text(Width::UNLIMITED);
    assert_eq!(models().text(Width::of_terminal(120)), whole);
    insta::assert_snapshot!(whole);
}

#[test]
fn text_is_wrapped_first_then_columns_leave_then_rows_are_stacked() {
    insta::assert_snapshot!("at_100", models().text(Width::of_terminal(100)));
    insta::assert_snapshot!("at_80", models().text(Width::of_terminal(80)));
    insta::assert_snapshot!("at_60", models().text(Width::of_terminal(60)));
    let path = format!("/{}", "long/".repeat(16));
    let wide = of(
        vec![Column::text("name"), Column::figure("size"), Column::text("where").wraps()],
        &[&["mine", "1.0 GB", &format!("Ollama: {path}")], &["other", "2.0 GB", "stored"]],
    );
    insta::assert_snapshot!("stacked", wide.text(Width::of_terminal(60)));
}

#[test]
fn a_table_without_rows_is_its_header() {
    let empty = of(vec![Column::text("name"), Column::figure("size")], &[]);
    insta::assert_snapshot!(empty.text(Width::of_terminal(80)), @"
     name  size
    ────────────
    ");
}

fn cells() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-z][-a-z0-9:/_.]{0,24}|[0-9]{1,3}\\.[0-9] GB|[a-z]{70,90}", 0..5)
        .prop_map(|words| words.join(" "))
}

fn column() -> impl Strategy<Value = Column> {
    ("[a-z]{1,10}( [a-z]{1,5})?", any::<bool>(), any::<bool>(), prop::option::of(1..4_u32))
        .prop_map(|(header, is_right_aligned, is_wrapped, leaves)| Column {
            header,
            is_right_aligned,
            is_wrapped,
            leaves,
        })
}

proptest! {
    #[test]
    fn no_line_is_longer_than_the_width_or_a_word_and_no_word_is_broken(
        (columns, rows) in prop::collection::vec(column(), 1..9).prop_flat_map(|columns| {
            let row = prop::collection::vec(cells(), columns.len());
            (Just(columns), prop::collection::vec(row, 0..6))
        }),
        width in 60..=200_usize,
    ) {
        let table = Table::new(columns, rows.clone());
        let shown = table.text(Width::of_terminal(width));
        let whole = table.text(Width::UNLIMITED);
        let known: Vec<&str> = whole.split_whitespace().collect();
        for line in shown.lines() {
            let alone = wrap(line.trim(), Width::of_line(1)).len() <= 1;
            prop_assert!(super::columns(line) <= width || alone, "{}:\n{}", width, shown);
        }
        let body = shown.lines().take_while(|line| !line.starts_with(" not shown at this width:"));
        let body: Vec<&str> = body.collect();
        let note = &shown[body.join("\n").len()..];
        for word in body.iter().flat_map(|line| line.split_whitespace()) {
            prop_assert!(known.contains(&word) || word.chars().all(|c| c == '─'), "{}: {}", word, shown);
        }
        // Nothing is lost silently: what is not in the table is named below it.
        if note.is_empty() {
            for word in rows.iter().flatten().flat_map(|cell| cell.split_whitespace()) {
                prop_assert!(body.iter().any(|line| line.contains(word)), "{} is lost: {}", word, shown);
            }
        }
    }
}
