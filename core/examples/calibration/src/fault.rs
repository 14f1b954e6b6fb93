//! What can go wrong: in a program whose sizes the compiler has checked, numbers that are not finite
//! and a flash that fails.

use nanocurv::error::NetworkError;
use nanocurv::kfac::KfacError;
use nanocurv::laplace::LaplaceError;
use nanocurv::store::StoreError;
use nanocurv::stream::StreamError;

macro_rules! fault {
    ($($name:ident: $error:ty)*) => {
        /// An error of one of the rooms that the program uses.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[cfg_attr(target_os = "none", derive(defmt::Format))]
        pub enum Fault {
            $(#[allow(missing_docs)]
            $name($error),)*
        }
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::$name(error)
            }
        })*
    };
}
fault! {
    Network: NetworkError
    Learning: KfacError
    Posterior: LaplaceError
    Stream: StreamError
    Store: StoreError
}
