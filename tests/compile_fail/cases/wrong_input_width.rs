use nanocurv::{SMatrix, fixed, mlp, network::Network, ntk};

mlp! { Sensor: 4 => 8 tanh => 1 }

fn main() {
    let theta = [0.1_f32; Sensor::PARAMS];
    let x = SMatrix::<f32, 5, 8>::zeros();
    let mut k = SMatrix::<f32, 8, 8>::zeros();
    let mut scratch = [0.0; ntk::scratch(Sensor::LAYERS, 8)];
    fixed::ntk::kernel(Sensor, &theta, &x, &mut k, &mut scratch).unwrap();
}
