//! The factors of a sum of Kronecker products, and the vectors that it acts on.

use nanocurv::kron::{Kron, KronError};
use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD, Ix2};

use crate::desktop::array::{Float, Shape, matrix, shaped};
use crate::desktop::choice::choices;
use crate::desktop::error::{Context, Error, Result, bail, ensure};
use crate::desktop::factor::{Factor, by_columns, of_columns};

choices! {
    /// How a vector is read as a matrix.
    #[derive(Default)]
    pub enum Order {
        /// Row after row: (A (x) B) vec(X) = vec(A X B^T), X is n x l
        #[default]
        Row = "row",
        /// Column after column: (A (x) B) vec(X) = vec(B X A^T), X is l x n
        Column = "column",
    }
}

/// A sum of Kronecker products.
#[derive(Clone, Debug)]
pub struct Terms<T> {
    /// Left and right factors.
    pub pairs: Vec<(Factor<T>, Factor<T>)>,
}

fn product_shape<T>(left: &Factor<T>, right: &Factor<T>) -> (usize, usize) {
    (left.shape.0.saturating_mul(right.shape.0), left.shape.1.saturating_mul(right.shape.1))
}

impl<T: Float> Terms<T> {
    /// The sum of these products.
    ///
    /// # Errors
    /// If there is none, or their shapes differ.
    pub fn new(pairs: Vec<(Factor<T>, Factor<T>)>) -> Result<Self> {
        ensure!(!pairs.is_empty(), "needed at least one --left and one --right");
        let terms = Self { pairs };
        let needed = terms.shape();
        for (left, right) in &terms.pairs {
            let found = product_shape(left, right);
            ensure!(
                found == needed,
                "{} (x) {}: found shape {}, needed {} as the first pair has; only products of one \
                 shape can be added",
                left.name,
                right.name,
                Shape(&[found.0, found.1]),
                Shape(&[needed.0, needed.1])
            );
        }
        Ok(terms)
    }

    /// Rows and columns of the sum.
    pub fn shape(&self) -> (usize, usize) {
        self.pairs.first().map_or((0, 0), |(left, right)| product_shape(left, right))
    }

    /// The core's views.
    ///
    /// # Errors
    /// As [`Factor::view`].
    pub fn views(&self) -> Result<Vec<Kron<'_, T>>> {
        let pairs = self.pairs.iter();
        pairs.map(|(a, b)| Ok(Kron { left: a.view()?, right: b.view()? })).collect()
    }

    /// The number of rows of a square sum.
    ///
    /// # Errors
    /// If it is not square.
    pub fn square(&self) -> Result<usize> {
        let (rows, cols) = self.shape();
        if rows != cols {
            for (left, right) in &self.pairs {
                left.require_square()?;
                right.require_square()?;
            }
        }
        Ok(rows)
    }

    /// The only pair, if there is one pair.
    pub fn single(&self) -> Option<&(Factor<T>, Factor<T>)> {
        match self.pairs.as_slice() {
            [pair] => Some(pair),
            _ => None,
        }
    }

    /// The only pair, if there is one pair and its factors are square.
    pub(super) fn square_pair(&self) -> Option<&(Factor<T>, Factor<T>)> {
        self.single().filter(|(left, right)| left.is_square() && right.is_square())
    }

    /// Fails if one of the factors of the only pair is not square.
    pub(super) fn require_square_pair(&self) -> Result<()> {
        self.single().map_or(Ok(()), |(left, right)| {
            left.require_square()?;
            right.require_square()
        })
    }

    /// The error of the core, with the name of the factor that it is about.
    pub(super) fn explain(&self, error: KronError) -> Error {
        let at = |place: String, error: Error| Error::At { place, source: Box::new(error) };
        match (error, self.single()) {
            (KronError::Left(e), Some((left, _))) => at(left.name.clone(), e.into()),
            (KronError::Right(e), Some((_, right))) => at(right.name.clone(), e.into()),
            (e, Some((left, right))) => at(format!("{} (x) {}", left.name, right.name), e.into()),
            (e, None) => at("the sum of products".to_owned(), e.into()),
        }
    }
}

/// The vectors that an operator acts on.
#[derive(Clone, Debug)]
pub struct Vectors<T> {
    /// The vectors, one after the other.
    pub values: Vec<T>,
    /// How many.
    pub count: usize,
    form: Form,
    order: Order,
}

/// How they were given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// One vector, `P`.
    Vector,
    /// The columns of a `P x K` matrix.
    Columns,
    /// One vector, in the form of the matrix X.
    Matrix,
}

impl<T: Float> Vectors<T> {
    /// The columns of a `P x K` matrix.
    pub fn columns(v: ArrayView2<'_, T>) -> Self {
        Self {
            values: by_columns(v),
            count: v.ncols(),
            form: Form::Columns,
            order: Order::default(),
        }
    }

    /// Of `P`, `P x K` or the matrix X itself, where `P = slow * fast` and X is `slow x fast`
    /// (row order) or `fast x slow` (column order).
    ///
    /// # Errors
    /// If `v` has another shape; the message calls it `name`.
    pub fn new(
        name: &str,
        v: ArrayViewD<'_, T>,
        (slow, fast): (usize, usize),
        order: Order,
    ) -> Result<Self> {
        let p = slow * fast;
        let x = if order == Order::Row { (slow, fast) } else { (fast, slow) };
        if v.ndim() == 1 && v.len() == p {
            let values = v.iter().copied().collect();
            return Ok(Self { values, count: 1, form: Form::Vector, order });
        }
        let len = v.len();
        let m = if v.ndim() == 1 {
            v.into_shape_with_order((len, 1)).map_err(|e| Error::Input(e.to_string()))?
        } else {
            let shape = v.shape().to_vec();
            let unfit =
                format!("{name}: found an array of shape {}, needed a matrix", Shape(&shape));
            v.into_dimensionality::<Ix2>().map_err(|_| Error::Input(unfit))?
        };
        let (rows, cols) = m.dim();
        let (form, values) = if rows == p {
            (Form::Columns, by_columns(m))
        } else if (rows, cols) == x && order == Order::Row {
            (Form::Matrix, m.iter().copied().collect())
        } else if (rows, cols) == x {
            (Form::Matrix, by_columns(m))
        } else {
            bail!(
                "{name}: found {rows} rows and {cols} columns, needed {p} rows (one vector, or \
                 one a column), or the {} x {} matrix X",
                x.0,
                x.1
            )
        };
        let count = if form == Form::Columns { cols } else { 1 };
        Ok(Self { values, count, form, order })
    }

    /// A result in the form in which the vectors were given; its own have `slow * fast` entries.
    pub(super) fn shaped(&self, found: Vec<T>, (slow, fast): (usize, usize)) -> ArrayD<T> {
        let p = slow * fast;
        match (self.form, self.order) {
            (Form::Vector, _) => shaped(&[p], found),
            (Form::Columns, _) => of_columns(&found, p, self.count).into_dyn(),
            (Form::Matrix, Order::Row) => shaped(&[slow, fast], found),
            (Form::Matrix, Order::Column) => of_columns(&found, fast, slow).into_dyn(),
        }
    }

    /// The vectors as the columns of a matrix.
    pub fn to_matrix(&self) -> Array2<T> {
        of_columns(&self.values, self.values.len() / self.count.max(1), self.count)
    }

    /// A result of [`super::Operator`] as the columns of a matrix.
    ///
    /// # Errors
    /// None: a result has the form of its vectors.
    pub fn result_to_matrix(&self, found: &ArrayD<T>) -> Result<Array2<T>> {
        let p = found.len() / self.count.max(1);
        let values: Vec<T> = match (self.form, self.order) {
            (Form::Matrix, Order::Column) => {
                let x = found.view().into_dimensionality::<Ix2>();
                by_columns(x.map_err(|e| Error::Input(e.to_string())).context("result")?)
            }
            _ => found.iter().copied().collect(),
        };
        Ok(matrix(p, self.count, values))
    }
}
