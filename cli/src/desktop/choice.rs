//! Choices by name: the words that every front takes, each with what it means.

use nanocurv::network::{Loss, Reduction};

/// A type whose values have names.
pub trait Choice: Copy + PartialEq + Sized + Send + Sync + 'static {
    /// All values.
    const ALL: &'static [Self];

    /// The word for it.
    fn name(self) -> &'static str;

    /// What it means, in a line.
    fn about(self) -> &'static str;

    /// The value that is called `name`.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|choice| choice.name() == name)
    }
}

/// Defines an enum whose variants have names: `/// what it means`, `Variant = "name"`.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $vis:vis enum $choice:ident {
            $(#[doc = $about:literal] $(#[$attribute:meta])* $variant:ident = $name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $choice {
            $(#[doc = $about] $(#[$attribute])* $variant,)*
        }

        impl $crate::desktop::Choice for $choice {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            fn about(self) -> &'static str {
                match self { $(Self::$variant => $about.trim_ascii()),* }
            }
        }

        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::desktop::Choice::name(*self))
            }
        }
    };
}
pub(crate) use choices;

impl Choice for Loss {
    const ALL: &'static [Self] = &[Self::Mse, Self::CrossEntropy, Self::Bce];

    fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::CrossEntropy => "cross-entropy",
            Self::Bce => "bce",
            other => unreachable!("{other:?} is none of ALL"),
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Mse => "Squared error",
            Self::CrossEntropy => {
                "Cross-entropy of the softmax; targets are labels or probabilities"
            }
            Self::Bce => "Binary cross-entropy of every output",
            other => unreachable!("{other:?} is none of ALL"),
        }
    }
}

impl Choice for Reduction {
    const ALL: &'static [Self] = &[Self::Mean, Self::Sum];

    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Mean => "Divided by their number",
            Self::Sum => "Undivided",
        }
    }
}
