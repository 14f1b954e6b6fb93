//! Blocks, sub-matrices and index lists.

use super::*;

#[test]
fn every_block_is_that_of_the_matrix() {
    each_risk(&[0, 4, 9], |risk| {
        let risk = risk.with_tile(3);
        let (layers, p) = (risk.net().layers(), risk.net().params());
        let mut tensors = Vec::new();
        for (l, layer) in layers.iter().enumerate() {
            tensors.push(Tensor::Weight(l));
            if layer.bias {
                tensors.push(Tensor::Bias(l));
            }
        }
        let (hessian, ggn) = (Hessian::new(risk), Ggn::new(risk));
        let (h, g) = (columns(&hessian), columns(&ggn));
        for rows in &tensors {
            for cols in &tensors {
                let (r, c) = (rows.range(layers).unwrap(), cols.range(layers).unwrap());
                let expected = |m: &[f64]| -> Vec<f64> {
                    c.clone().flat_map(|j| m[j * p..][r.clone()].to_vec()).collect()
                };
                let mut out = vec![f64::NAN; r.len() * c.len()];
                let mut scratch = vec![f64::NAN; dense_scratch(layers, 3, true)];
                let m = MatMut::of(&mut out, r.len(), c.len());
                block(&hessian, *rows, *cols, m, &mut scratch).unwrap();
                assert!(relative_difference(&out, &expected(&h)) < 1e-11, "{rows:?} {cols:?}");
                let m = MatMut::of(&mut out, r.len(), c.len());
                block(&ggn, *rows, *cols, m, &mut scratch).unwrap();
                assert!(relative_difference(&out, &expected(&g)) < 1e-11, "{rows:?} {cols:?}");
            }
        }
    });
    let layers = layers();
    assert_eq!(Tensor::Bias(1).range(&layers), Err(CurvatureError::NoTensor { layer: 1 }));
    assert!(matches!(Tensor::Weight(4).range(&layers), Err(CurvatureError::Index { .. })));
}

#[test]
fn a_unit_that_the_network_does_not_have_is_an_error() {
    each_risk(&[0, 9], |risk| {
        let (layers, p) = (risk.net().layers(), risk.net().params());
        let mut storage = vec![0.0; tile_scratch(layers, 9, true)];
        let recipe = TilePoint::tiles(&risk, Curvature::Hessian).next().unwrap();
        let point = recipe.record(&mut storage).unwrap();
        let mut weights = vec![0.0; p * layers[0].inputs];
        let mut bias = vec![0.0; if layers[0].bias { p } else { 0 }];
        let mut scratch = vec![0.0; unit_scratch(layers, 9, true)];
        let mut run = |layer, output| {
            let to = MatMut::of(&mut weights, p, layers[0].inputs);
            point.unit(Unit { layer, output }, true, to, &mut bias, &mut scratch)
        };
        assert!(run(0, layers[0].outputs - 1).is_ok());
        for (layer, output, list) in
            [(layers.len(), 0, "layers"), (0, layers[0].outputs, "outputs")]
        {
            let error = run(layer, output).unwrap_err();
            assert!(matches!(error, CurvatureError::Index { list: l, .. } if l == list), "{error}");
        }
    });
}

#[test]
fn a_sub_matrix_is_that_of_the_matrix_by_both_routes() {
    each_risk(&[0, 5, 9], |risk| {
        let risk = risk.with_tile(4);
        let (layers, p) = (risk.net().layers(), risk.net().params());
        // Weights and biases of all layers, in no order; a unit twice.
        let rows = [p - 1, 0, 1, 13, 17, 23, 30, 38, 45, 50];
        let cols = [2, 40, 14, 12, 24, p - 2, 0, 33];
        for hessian in [true, false] {
            let mut out = vec![f64::NAN; rows.len() * cols.len()];
            let m = MatMut::of(&mut out, rows.len(), cols.len());
            let mut scratch = vec![f64::NAN; submatrix_scratch(layers, 4, hessian)];
            let (full, operator) = if hessian {
                let h = Hessian::new(risk);
                submatrix(&h, &rows, &cols, m, &mut scratch).unwrap();
                (columns(&h), columns(&Submatrix::new(h, &rows, &cols).unwrap()))
            } else {
                let g = Ggn::new(risk);
                submatrix(&g, &rows, &cols, m, &mut scratch).unwrap();
                (columns(&g), columns(&Submatrix::new(g, &rows, &cols).unwrap()))
            };
            let expected: Vec<f64> = cols
                .iter()
                .flat_map(|j| rows.iter().map(|i| full[i + j * p]).collect::<Vec<_>>())
                .collect();
            assert!(relative_difference(&out, &expected) < 1e-12);
            assert!(relative_difference(&operator, &expected) < 1e-14);
        }
    });
}

#[test]
fn exactly_the_stated_scratch_is_enough_to_write_a_matrix_out() {
    each_risk(&[0, 4, 9], |risk| {
        let (layers, p, tile) = (risk.net().layers(), risk.net().params(), risk.tile());
        let mut out = vec![0.0; p * p];
        for hessian in [true, false] {
            let mut run = |len: usize, entries: bool| {
                let mut scratch = vec![0.0; len];
                let (h, g) = (Hessian::new(risk), Ggn::new(risk));
                match (entries, hessian) {
                    (true, true) => {
                        submatrix(&h, &[1], &[2], MatMut::of(&mut out, 1, 1), &mut scratch)
                    }
                    (true, false) => {
                        submatrix(&g, &[1], &[2], MatMut::of(&mut out, 1, 1), &mut scratch)
                    }
                    (false, true) => dense(&h, MatMut::of(&mut out, p, p), &mut scratch),
                    (false, false) => dense(&g, MatMut::of(&mut out, p, p), &mut scratch),
                }
            };
            let (full, few) =
                (dense_scratch(layers, tile, hessian), submatrix_scratch(layers, tile, hessian));
            assert!(run(full, false).is_ok() && run(few, true).is_ok());
            assert!(run(full - 1, false).is_err() && run(few - 1, true).is_err());
        }
        let mut g = vec![0.0; p];
        let mut scratch = vec![0.0; gradient_scratch(layers, tile)];
        assert!(gradient(&risk, &mut g, &mut scratch).is_ok());
        let short = scratch.len() - 1;
        assert!(gradient(&risk, &mut g, &mut scratch[..short]).is_err());
    });
}

#[test]
fn index_lists_are_refused_with_the_place() {
    let operator = Identity { size: 5 };
    let new = |rows: &'static [usize], cols: &'static [usize]| {
        Submatrix::new::<f64>(operator, rows, cols).map(|_| ())
    };
    assert_eq!(new(&[], &[1]), Err(CurvatureError::Empty { list: "rows" }));
    assert_eq!(new(&[0], &[]), Err(CurvatureError::Empty { list: "cols" }));
    let error = CurvatureError::Index { list: "cols", position: 1, index: 5, size: 5 };
    assert_eq!(new(&[0], &[1, 5]), Err(error));
    let error = CurvatureError::Duplicate { list: "rows", position: 2, index: 3 };
    assert_eq!(new(&[3, 1, 3], &[1]), Err(error));
    // Equal neighbours in a list that does not descend.
    let error = CurvatureError::Duplicate { list: "cols", position: 1, index: 2 };
    assert_eq!(new(&[0], &[2, 2, 4]), Err(error));
    assert!(new(&[4, 0, 2], &[1, 0]).is_ok());
}

#[test]
fn a_part_of_a_wide_matrix_says_how_much_scratch_it_needs() {
    let (values, mut out) = (filled(3, 5), [0.0; 2]);
    let dense = Dense::new(Mat::of(&values, 3, 5)).unwrap();
    let part = Submatrix::new(dense, [2, 0], [4]).unwrap();
    assert_eq!(LinearOperator::<f64>::scratch(&part), 8);
    part.apply(&[2.0], &mut out, &mut [f64::NAN; 8]).unwrap();
    assert_eq!(out, [2.0 * values[14], 2.0 * values[12]]);
    let error = part.apply(&[2.0], &mut out, &mut [f64::NAN; 7]);
    assert_eq!(
        error,
        Err(CurvatureError::Scratch(crate::error::ScratchError { needed: 8, found: 7 }))
    );
}
