//! Marks of rare branches: owns the macro by which a machine says that it went where it seldom goes.
//!
//! A mark is an event of `tracing` that has a name and a target of its own, and costs a comparison where nobody listens. A
//! simulation listens: one that never comes by a mark has not tried what it is for. Marks change nothing and decide nothing.

/// Marks a rare branch by a name that says what happened, and is used once.
macro_rules! probe {
    ($name:literal) => {
        tracing::event!(name: $name, target: "probe", tracing::Level::TRACE, $name)
    };
}

pub(crate) use probe;
