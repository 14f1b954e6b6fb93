//! The engine's choices as values of options.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::desktop::Choice;

/// Takes the names of a choice, with what they mean in the long help.
pub fn choice<C: Choice>() -> impl TypedValueParser<Value = C> {
    described(C::about)
}

/// Takes the names of a choice that mean something of their own here.
pub fn described<C: Choice>(about: fn(C) -> &'static str) -> impl TypedValueParser<Value = C> {
    let value = |choice: &C| PossibleValue::new(choice.name()).help(about(*choice));
    PossibleValuesParser::new(C::ALL.iter().map(value))
        .map(|name| C::named(&name).expect("a name that was offered is taken"))
}
