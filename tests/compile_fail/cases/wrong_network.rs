use nanocurv::{SMatrix, ntk};

struct Sensor;

fn main() {
    let x = SMatrix::<f32, 4, 8>::zeros();
    let mut k = SMatrix::<f32, 8, 8>::zeros();
    fixed::ntk::kernel(Sensor, &[0.1_f32; 49], &x, &mut k, &mut [0.0; 200]).unwrap();
}
