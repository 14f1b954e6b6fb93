//! The typed front and the run-time front are one computation: the same bits, in single precision
//! without a library GEMM (the batches are too small for it).

use nanocurv::network::{AsMat, Mlp, Network, forward, forward_scratch};
use nanocurv::random::Rng;
use nanocurv::{Real, SMatrix, fixed, mlp, ntk};
use nanocurv_tests::mat_mut;

mlp! { First: 4 => 8 tanh => 8 relu => 1 }
mlp! { Second: 3 => 5 sigmoid => 4 softplus => 6 silu => 5 gelu => 2 }
mlp! { Third: 2 => 3 gelu_tanh => 4 erf => 3 sin => 2 elu => 3 }
mlp! { Fourth: 5 => 4 leaky_relu => 1 identity => 3 normalized_relu => 2, no bias }
mlp! { Linear: 3 => 2 }

fn values<T: Real, const N: usize>(seed: u64) -> [T; N] {
    let mut rng = Rng::seed(seed);
    std::array::from_fn(|_| rng.normal())
}

/// Forward pass, kernel of one batch and kernel between two, through both fronts.
macro_rules! both_fronts_agree {
    ($test:ident, $net:ident, $inputs:literal, $outputs:literal, $type:ty) => {
        #[test]
        fn $test() {
            type Batch<const B: usize> = SMatrix<$type, $inputs, B>;
            let theta: [$type; $net::PARAMS] = values(1);
            let x = Batch::<8>::from_column_slice(&values::<$type, { 8 * $inputs }>(2));
            let other = Batch::<5>::from_column_slice(&values::<$type, { 5 * $inputs }>(3));
            let (named, run_time) =
                ($net.at(&theta).unwrap(), Mlp::new($net::LAYERS, &theta).unwrap());
            assert_eq!($net::INPUTS, $inputs);

            let mut scratch = [<$type>::NAN; forward_scratch($net::LAYERS, 8)];
            let (mut f, mut g) = ([0.0; 8 * $outputs], [0.0; 8 * $outputs]);
            let at = |f| mat_mut(f, $outputs, 8);
            forward(&named, x.as_mat(), at(&mut f), &mut scratch).unwrap();
            forward(&run_time, x.as_mat(), at(&mut g), &mut scratch).unwrap();
            assert_eq!(f.map(<$type>::to_bits), g.map(<$type>::to_bits), "outputs");

            let mut scratch = [<$type>::NAN; ntk::scratch($net::LAYERS, 8)];
            let (mut typed, mut erased) = (SMatrix::<$type, 8, 8>::zeros(), [0.0; 64]);
            fixed::ntk::kernel($net, &theta, &x, &mut typed, &mut scratch).unwrap();
            let k = mat_mut(&mut erased, 8, 8);
            ntk::kernel(&run_time, x.as_mat(), k, &mut scratch).unwrap();
            let bits = |k: &[$type]| k.iter().map(|k| k.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(typed.as_slice()), bits(&erased), "kernel");
            assert!(erased.iter().any(|k| *k != 0.0));

            let mut scratch = [<$type>::NAN; ntk::between_scratch($net::LAYERS, 8, 5)];
            let (mut typed, mut erased) = (SMatrix::<$type, 8, 5>::zeros(), [0.0; 40]);
            fixed::ntk::kernel_between($net, &theta, (&x, &other), &mut typed, &mut scratch)
                .unwrap();
            let k = mat_mut(&mut erased, 8, 5);
            ntk::kernel_between(&run_time, (x.as_mat(), other.as_mat()), k, &mut scratch).unwrap();
            assert_eq!(bits(typed.as_slice()), bits(&erased), "kernel between");
        }
    };
}

both_fronts_agree!(tanh_and_relu_agree_bit_for_bit_in_f32, First, 4, 1, f32);
both_fronts_agree!(smooth_activations_agree_bit_for_bit_in_f32, Second, 3, 2, f32);
both_fronts_agree!(the_other_activations_agree_bit_for_bit_in_f32, Third, 2, 3, f32);
both_fronts_agree!(no_biases_agree_bit_for_bit_in_f32, Fourth, 5, 2, f32);
both_fronts_agree!(one_layer_agrees_bit_for_bit_in_f32, Linear, 3, 2, f32);
both_fronts_agree!(tanh_and_relu_agree_bit_for_bit_in_f64, First, 4, 1, f64);
both_fronts_agree!(smooth_activations_agree_bit_for_bit_in_f64, Second, 3, 2, f64);

#[test]
fn a_network_that_names_few_activations_evaluates_those_and_no_others() {
    for activation in nanocurv::network::Activation::ALL.iter().copied() {
        let named = First::LAYERS.iter().any(|layer| layer.activation == activation);
        let jet = |evaluate: nanocurv::network::activation::Evaluate<f32>| {
            let (mut value, mut first) = ([-0.7_f32, 0.3], [0.0; 2]);
            let (v, f) = (&mut value, &mut first);
            evaluate(activation, nanocurv::network::Jet { value: v, first: f, second: &mut [] });
            (value, first)
        };
        let same = jet(First::evaluate) == jet(nanocurv::network::evaluate);
        assert_eq!(same, named, "{}", activation.name());
    }
}
