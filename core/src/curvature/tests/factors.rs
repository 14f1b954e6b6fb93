//! Kronecker factors as operators.

use super::*;

/// The factors of a risk, type 2.
pub(super) fn factors(risk: &Risk<'_, f64>) -> Vec<f64> {
    use crate::kfac::{Fisher, Weights, accumulate, accumulate_scratch, factors_len};
    let net = risk.net();
    let mut factors = vec![0.0; factors_len(net.layers())];
    let mut scratch = vec![0.0; accumulate_scratch(net.layers(), 9)];
    let weights = Weights::batch(risk.loss(), risk.reduction(), risk.samples(), net.outputs());
    for b in risk.batches() {
        let (x, targets, loss) = (b.x, b.targets, risk.loss());
        let fisher = Fisher::TypeTwo;
        accumulate(&net, x, targets, loss, fisher, weights, &mut factors, &mut scratch).unwrap();
    }
    factors
}

#[test]
fn kfac_and_ekfac_are_operators_and_their_inverses_too() {
    use crate::kfac::*;
    each_risk(&[0, 4, 9], |risk| {
        let layers = risk.net().layers();
        let data = factors(&risk);
        let k = Factors::new(layers, &data).unwrap();
        adjoint_law("kfac", &k);
        let mut storage = vec![0.0; preconditioner_len(layers)];
        adjoint_law("inverse", &k.preconditioner(0.1, Damping::Pi, &mut storage).unwrap());
        let mut state = vec![0.0; ekfac_len(layers, Bias::Joint)];
        let mut scratch = vec![0.0; ekfac_bases_scratch(layers)];
        ekfac_bases(&k, &mut state, &mut scratch).unwrap();
        let e = Ekfac::new(layers, Bias::Joint, &state).unwrap();
        adjoint_law("ekfac", &e);
        // Before its correction EKFAC is K-FAC.
        assert!(relative_difference(&columns(&e), &columns(&k)) < 1e-12);
        let mut storage = vec![0.0; eigenfactors_len(layers, Bias::Joint)];
        let mut scratch = vec![0.0; eigenfactors_scratch(layers)];
        let eigen = k.eigen(&mut storage, &mut scratch).unwrap();
        let identity = columns(&Identity { size: risk.net().params() });
        for inverse in
            [DampedInverse::kfac(eigen, 0.1).unwrap(), DampedInverse::ekfac(e, 0.1).unwrap()]
        {
            adjoint_law("exact inverse", &inverse);
            let product = columns(&Chain::new(Damped::new(k, 0.1).unwrap(), inverse).unwrap());
            assert!(relative_difference(&product, &identity) < 1e-10);
        }
    });
}

#[test]
fn kfac_is_the_ggn_of_one_linear_layer_so_that_its_inverse_solves_in_one_step() {
    use crate::kfac::{Bias, Factors, eigenfactors_len, eigenfactors_scratch};
    let layers = [Layer::new(5, 3, Activation::Identity)];
    let theta = filled(18, 1)[..18].to_vec();
    let (x, y) = (filled(5, 30), filled(3, 30));
    let batches = [Batch::values(Mat::of(&x[..45], 5, 9), Mat::of(&y[..27], 3, 9))];
    let net = Mlp::new(&layers, &theta).unwrap();
    let risk = Risk::new(net, Loss::Mse, Reduction::Mean, &batches).unwrap();
    let data = factors(&risk);
    let k = Factors::new(&layers, &data).unwrap();
    assert!(relative_difference(&columns(&k), &columns(&Ggn::new(risk))) < 1e-13);
    let mut storage = vec![0.0; eigenfactors_len(&layers, Bias::Joint)];
    let mut scratch = vec![0.0; eigenfactors_scratch(&layers)];
    let inverse = DampedInverse::kfac(k.eigen(&mut storage, &mut scratch).unwrap(), 1e-3).unwrap();
    let damped = Damped::new(Ggn::new(risk), 1e-3).unwrap();
    let until = Until { tolerance: 1e-9, iterations: 50 };
    let b = filled(18, 3)[..18].to_vec();
    let run = |m: &dyn LinearOperator<f64>| {
        let mut x = vec![0.0; 18];
        let mut scratch = vec![0.0; cg_scratch(18, damped.scratch(), m.scratch())];
        cg(&damped, &m, &b, &mut x, until, &mut scratch).unwrap()
    };
    assert_eq!(run(&inverse).iterations, 1);
    assert!(run(&Identity { size: 18 }).iterations > 3);
}
