//! What a job's output must be, worked out in memory in the plainest way: owns nothing of Windrow's, so that both cannot be
//! wrong alike.

use std::path::Path;

/// The records of a text: its lines, whether or not the last one is ended.
pub fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(Vec::from).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

/// The key of a record: up to its first tab, or all of it.
pub fn key(record: &[u8]) -> &[u8] {
    record.split(|byte| *byte == b'\t').next().unwrap()
}

/// The partition of a key, by Hadoop's `HashPartitioner` over `WritableComparator.hashBytes`.
pub fn partition(key: &[u8], reducers: usize) -> usize {
    let hash =
        key.iter().fold(1_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(*byte as i8)));
    (hash & i32::MAX) as usize % reducers
}

/// What each reducer is given: its records by key, those of one key in the order in which they came.
pub fn partitions(records: Vec<Vec<u8>>, reducers: usize) -> Vec<Vec<Vec<u8>>> {
    let mut partitions = vec![Vec::new(); reducers];
    for record in records {
        partitions[partition(key(&record), reducers)].push(record);
    }
    for partition in &mut partitions {
        partition.sort_by(|left, right| key(left).cmp(key(right)));
    }
    partitions
}

/// The part files of a job whose reducer is `cat`.
pub fn sorted(records: Vec<Vec<u8>>, reducers: usize) -> Vec<Vec<u8>> {
    partitions(records, reducers).iter().map(|records| text(records)).collect()
}

/// The part files of the example that counts words.
pub fn word_count(text: &str, reducers: usize) -> Vec<Vec<u8>> {
    let pairs = words(text).into_iter().map(String::into_bytes).collect();
    partitions(pairs, reducers)
        .iter()
        .map(|words| {
            let counts = words.chunk_by(|left, right| left == right);
            counts
                .flat_map(|same| [&same[0][..], format!("\t{}\n", same.len()).as_bytes()].concat())
                .collect()
        })
        .collect()
}

/// The words of a text as the example has them.
fn words(text: &str) -> Vec<String> {
    // Signs of Latin-1, then dashes and quotes.
    let sign = |character| matches!(character, '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{203f}');
    let letter =
        |character: char| character.is_ascii_alphabetic() || !character.is_ascii() && !sign(character);
    let text = text.replace('\u{2019}', "'").to_ascii_lowercase();
    let words = text.split(|character| !letter(character) && character != '\'');
    words.map(|word| word.trim_matches('\'')).filter(|word| !word.is_empty()).map(String::from).collect()
}

/// Records as a file has them.
pub fn text(records: &[Vec<u8>]) -> Vec<u8> {
    records.iter().flat_map(|record| [record, &b"\n"[..]].concat()).collect()
}

/// The text of the four books, in the order of their names.
pub fn books(repository: &Path) -> String {
    let directory = repository.join("examples/books");
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    assert_eq!(paths.len(), 4);
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}
