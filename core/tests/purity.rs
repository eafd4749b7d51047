//! What neither the compiler nor clippy sees of core's purity: owns the search of its source for `std` and for floats.
//!
//! `#![no_std]` does not keep out an `extern crate std`, and clippy's ban on the types `f32` and `f64` overlooks a literal
//! whose type is inferred. `.ci/purity` plants such impurities, among others, and shows that each is found.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn core_names_neither_std_nor_floats() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 10, "core's source was not found");
    let mut found = Vec::new();
    for path in sources {
        let code = blank_out(&fs::read_to_string(&path).unwrap());
        for (index, line) in code.lines().enumerate() {
            for word in impure_words(line) {
                found.push(format!("{}:{}: {word}", path.display(), index + 1));
            }
        }
    }
    assert!(found.is_empty(), "core may name neither std nor floats:\n{}", found.join("\n"));
}

#[test]
fn core_is_declared_pure() {
    let root = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]", "#![deny(clippy::float_arithmetic)]"] {
        assert!(root.lines().any(|line| line == attribute), "core/src/lib.rs lacks {attribute}");
    }
}

#[test]
fn the_search_finds_what_it_is_for_and_nothing_else() {
    let impure = [
        "extern crate std;",
        "#[cfg(test)] extern crate std as tests_std;",
        "use std::collections::BTreeMap;",
        "let x = ::std::mem::size_of::<u8>();",
        "let ratio = 1.5;",
        "let ratio = 1_000.0 / x;",
        "let ratio = 2e-3;",
        "let ratio = 1f64;",
        "let ratio: f32 = x as _;",
        "let quote = '\"'; let ratio: f32; let quote = '\"';",
        "let life: &'a str = x; use std::fmt; // it's",
        r##"let text = r#"""#; use std::fmt;"##,
    ];
    for code in impure {
        assert!(blank_out(code).lines().any(|line| !impure_words(line).is_empty()), "not found: {code}");
    }
    let pure = [
        "use core::fmt; // not std::fmt, and no 1.5",
        "/* std::fmt\n /* nested 1.5 */ f64 */ let x = 1;",
        "let text = \"std::fmt and \\\" 1.5\";",
        "let text = r#\"std::fmt \" f64\"#;",
        "let stdin = machine.stdin(); let x = pair.0.1;",
        "for i in 0..5 {} let x = 0x1e5; let y = 1_000u64;",
        "let byte = b'\\''; let f64_less = 1;",
    ];
    for code in pure {
        let words: Vec<String> = blank_out(code).lines().flat_map(impure_words).collect();
        assert!(words.is_empty(), "{words:?} found in: {code}");
    }
}

/// All Rust files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The words of a line of code that are `std`, a float type or a float literal.
fn impure_words(line: &str) -> Vec<String> {
    // A word may hold a point, so that `1.5` is one, and so is `pair.0.1`; a range is not a point.
    line.replace("..", " ")
        .split(|character: char| !(character.is_alphanumeric() || "_.".contains(character)))
        .filter(|word| {
            let numeric = word.starts_with(|first: char| first.is_ascii_digit()) && !word.starts_with("0x");
            let exponent = word.find('e').is_some_and(|at| !word[..at].contains(char::is_alphabetic));
            let float = word.contains('.') || exponent || word.ends_with("f32") || word.ends_with("f64");
            if numeric { float } else { word.split('.').any(|part| ["std", "f32", "f64"].contains(&part)) }
        })
        .map(String::from)
        .collect()
}

/// The same text with comments, strings and character literals turned into spaces, line for line.
fn blank_out(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let hidden = literal_or_comment(rest, code.chars().next_back());
        if hidden == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..hidden].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            rest = &rest[hidden..];
        }
    }
    code
}

/// How many bytes at the beginning of `text` are one comment, string or character literal.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|character| character.is_alphanumeric() || character == '_');
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        let mut depth = 0;
        for (at, _) in text.char_indices() {
            if text[at..].starts_with("/*") {
                depth += 1;
            } else if text[at..].starts_with("*/") {
                depth -= 1;
            }
            if depth == 0 {
                return at + 2;
            }
        }
        return text.len();
    }
    let raw = text.strip_prefix('b').unwrap_or(text);
    if let (false, Some(raw)) = (in_word, raw.strip_prefix('r')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let opening = text.len() - raw.len() + hashes + 1;
            return text[opening..].find(&end).map_or(text.len(), |at| opening + at + end.len());
        }
    }
    let quote = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => quote,
        _ => return 0,
    };
    let mut characters = text.char_indices().skip(1);
    if quote == '\'' {
        // A lifetime has no closing quote after its first character.
        let closed = text[1..].starts_with('\\') || text[1..].chars().nth(1) == Some('\'');
        if !closed {
            return 0;
        }
    }
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}
