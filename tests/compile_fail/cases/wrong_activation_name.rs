nanocurv::mlp! { Sensor: 4 => 8 swish => 1 }

fn main() {}
