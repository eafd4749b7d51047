//! What a job's output is by definition: a sequential MapReduce, to which any run must be equal byte for byte.
//!
//! Knows nothing of splits, attempts or workers, and shares no code with core.

use crate::process::{Computation, UserFunction};
use crate::stream::Stream;
use windrow_core::failure::ExitStatus;

/// The output of a job over `inputs`: its parts with reducers, one piece without; or how a program of it failed.
pub fn map_reduce(
    inputs: &[&[u8]],
    mapper: &UserFunction,
    reducer: Option<&UserFunction>,
    reducers: u32,
) -> Result<Vec<Vec<u8>>, ExitStatus> {
    let mapped = inputs.iter().map(|input| apply(mapper, input)).collect::<Result<Vec<_>, _>>()?;
    let Some(reducer) = reducer else { return Ok(vec![mapped.concat()]) };
    let mut partitions = vec![Vec::new(); reducers as usize];
    for line in mapped.iter().flat_map(|output| output.split_inclusive(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let key = line.split(|byte| *byte == b'\t').next().unwrap_or(line);
        partitions[(hash(key) % reducers) as usize].push((key, line));
    }
    let reduced = partitions.into_iter().map(|mut records| {
        records.sort_by_key(|(key, _)| *key);
        let fed: Vec<u8> = records.iter().flat_map(|(_, line)| line.iter().chain(b"\n")).copied().collect();
        apply(reducer, &fed)
    });
    reduced.collect()
}

/// Whether a mapper fails that is given one record and nothing else.
pub fn fails_on(mapper: &UserFunction, record: &[u8]) -> bool {
    match mapper {
        UserFunction::Abandon { bytes } => record.len() as u64 > *bytes,
        UserFunction::FailOn { .. } | UserFunction::Quit { .. } => apply(mapper, record).is_err(),
        UserFunction::Identity
        | UserFunction::Ponder { .. }
        | UserFunction::Nap { .. }
        | UserFunction::CountWords
        | UserFunction::Multiply { .. }
        | UserFunction::Sum
        | UserFunction::KeyByFirstByte
        | UserFunction::Flaky { .. }
        | UserFunction::Hang { .. }
        | UserFunction::Unstable
        | UserFunction::Daemon { .. }
        | UserFunction::Missing
        | UserFunction::Unstartable { .. } => false,
    }
}

/// What a program prints that is given all of `input`, and has no bad luck.
fn apply(function: &UserFunction, input: &[u8]) -> Result<Vec<u8>, ExitStatus> {
    let function = match function {
        UserFunction::Flaky { .. } => UserFunction::Identity,
        steady => steady.clone(),
    };
    let (mut computation, mut output) = (Computation::new(function), Vec::new());
    let never_drawn_from = &mut Stream::new(0, "reference");
    computation.feed(input, &mut output, never_drawn_from)?;
    computation.end(&mut output, never_drawn_from)?;
    Ok(output)
}

/// Hadoop's hash of a key (`WritableComparator.hashBytes`), without its sign.
fn hash(key: &[u8]) -> u32 {
    let add = |hash: i32, byte: &u8| hash.wrapping_mul(31).wrapping_add(i32::from(*byte as i8));
    (key.iter().fold(1, add) & i32::MAX) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_by_hand() {
        let inputs: [&[u8]; 2] = [b"b a\na", b"b\nc"];
        let parts = map_reduce(&inputs, &UserFunction::CountWords, Some(&UserFunction::Sum), 1);
        assert_eq!(parts, Ok(vec![b"a\t2\nb\t2\nc\t1\n".to_vec()]));
        let parts = map_reduce(&inputs, &UserFunction::CountWords, Some(&UserFunction::Sum), 2);
        // One-letter keys hash to 31 + the letter: 'b' is odd with that, 'a' and 'c' are even.
        assert_eq!(parts, Ok(vec![b"a\t2\nc\t1\n".to_vec(), b"b\t2\n".to_vec()]));
    }

    #[test]
    fn equal_keys_keep_the_order_of_the_input() {
        let inputs: [&[u8]; 2] = [b"x2\ny\nx1\n", b"x3"];
        let parts = map_reduce(&inputs, &UserFunction::KeyByFirstByte, Some(&UserFunction::Identity), 1);
        assert_eq!(parts, Ok(vec![b"x\tx2\nx\tx1\nx\tx3\ny\ty\n".to_vec()]));
    }

    #[test]
    fn without_reducers_the_mapper_s_bytes_are_the_output() {
        let inputs: [&[u8]; 2] = [b"z\na", b"b"];
        assert_eq!(map_reduce(&inputs, &UserFunction::Identity, None, 0), Ok(vec![b"z\nab".to_vec()]));
        let fails = UserFunction::FailOn { word: "a".into() };
        assert_eq!(map_reduce(&inputs, &fails, None, 0), Err(ExitStatus::Code(3)));
    }

    #[test]
    fn a_mapper_fails_on_some_records_and_not_on_others() {
        let fail_on = UserFunction::FailOn { word: "bad".into() };
        let abandon = UserFunction::Abandon { bytes: 4 };
        for (mapper, record, fails) in [
            (&fail_on, &b"a bad one\n"[..], true),
            (&fail_on, b"a good one", false),
            (&abandon, b"1234\n", true),
            (&abandon, b"123\n", false),
            (&UserFunction::Quit { status: ExitStatus::Code(2) }, b"\n", true),
            (&UserFunction::CountWords, b"bad\n", false),
        ] {
            assert_eq!(fails_on(mapper, record), fails, "{mapper:?} {record:?}");
        }
    }
}
