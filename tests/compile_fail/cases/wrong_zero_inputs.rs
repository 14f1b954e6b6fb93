nanocurv::mlp! { Sensor: 0 => 8 tanh => 1 }

fn main() {}
