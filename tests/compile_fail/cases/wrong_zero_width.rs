nanocurv::mlp! { Sensor: 4 => 0 tanh => 1 }

fn main() {}
