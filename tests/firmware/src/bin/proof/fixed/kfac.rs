//! K-FAC with sizes that the compiler checks.

use nanocurv::fixed::Problem;
use nanocurv::fixed::kfac::*;
use nanocurv::kfac::*;
use nanocurv::network::Network;
use nanocurv::{Real, mlp};

mlp! { Net: 3 => 5 tanh => 4 relu => 2 }
const FACTORS: usize = factors_len(Net::LAYERS);
const EIGEN: usize = eigenfactors_len(Net::LAYERS, Bias::Joint);
const STATE: usize = ekfac_len(Net::LAYERS, Bias::Joint);
const OPTIMIZER: usize = optimizer_len(Net::LAYERS, Inverse::Factored);
/// More than any of the functions takes.
const LONG: usize = 16384;

pub fn functions<T: Real>() {
    keep!(
        Block::<T, 5, 3>::new,
        Block::<T, 5, 3>::with_renorm,
        Block::<T, 5, 3>::erased,
        Block::<T, 5, 3>::split,
        Block::<T, 5, 3>::apply::<LONG>,
        Block::<T, 5, 3>::solve::<LONG>,
        Block::<T, 5, 3>::root::<LONG>,
        Block::<T, 5, 3>::power::<LONG>,
        Block::<T, 5, 3>::factor::<LONG>,
        Block::<T, 5, 3>::eigen::<LONG, LONG>,
        SolvedBlock::<T, 5, 3>::solve,
        SolvedBlock::<T, 5, 3>::logdet,
        EigenBlock::<T, 5, 3>::solve::<LONG>,
        EigenBlock::<T, 5, 3>::power::<LONG>,
        DiagonalBlock::<T, 5, 3>::new,
        DiagonalBlock::<T, 5, 3>::apply,
        DiagonalBlock::<T, 5, 3>::solve,
        DiagonalBlock::<T, 5, 3>::power,
        FullBlock::<T, 6>::new,
        FullBlock::<T, 6>::apply::<2, LONG>,
        FullBlock::<T, 6>::solve::<2, LONG>,
        FullBlock::<T, 6>::power::<2, LONG>,
        SeriesBlock::<T, 5, 3>::new,
        SeriesBlock::<T, 5, 3>::erased,
        SeriesBlock::<T, 5, 3>::solve::<LONG>,
    );
    keep!(
        Problem::<Net, T, 7>::factors::<FACTORS, LONG>,
        Problem::<Net, T, 7>::corrected::<STATE, LONG>,
        Problem::<Net, T, 7>::natural_gradient::<LONG>,
        Problem::<Net, T, 7>::fisher_diagonal::<LONG>,
        OfNetwork::<Net, Factors<T>>::erased,
        OfNetwork::<Net, Factors<T>>::apply::<LONG>,
        OfNetwork::<Net, Factors<T>>::preconditioner::<LONG>,
        OfNetwork::<Net, Factors<T>>::eigen::<EIGEN, LONG>,
        OfNetwork::<Net, Factors<T>>::bases::<LONG, LONG>,
        OfNetwork::<Net, Preconditioner<T>>::precondition::<LONG>,
        OfNetwork::<Net, Eigenfactors<T>>::solve::<LONG>,
        OfNetwork::<Net, Eigenfactors<T>>::power::<LONG>,
        OfNetwork::<Net, Ekfac<T>>::apply::<LONG>,
        OfNetwork::<Net, Ekfac<T>>::solve::<LONG>,
        OfNetwork::<Net, Ekfac<T>>::power::<LONG>,
        Training::<Net, T, Factored>::new::<OPTIMIZER>,
        Training::<Net, T, Factored>::step::<7, LONG>,
    );
}
