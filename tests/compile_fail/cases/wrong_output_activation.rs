nanocurv::mlp! { Sensor: 4 => 8 tanh => 1 tanh }

fn main() {}
