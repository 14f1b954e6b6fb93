//! Records and the slots that hold them.

use core::fmt::Display;
use nanocurv::store::{
    Flash, Part, PartMut, Record, Slots, StoreError, decode, encode, record_len, tag,
};

type Bytes = &'static mut [u8];

pub fn functions() {
    keep!(
        tag,
        record_len,
        encode,
        decode,
        Record::newer,
        Part::bytes,
        PartMut::as_part,
        <Bytes as Flash>::read,
        <Bytes as Flash>::erase,
        <Bytes as Flash>::write,
        <StoreError as Display>::fmt,
    );
    keep!(
        Slots::<Bytes>::new,
        Slots::<Bytes>::newest,
        Slots::<Bytes>::save,
        Slots::<Bytes>::restore,
        Slots::<Bytes>::into_flash,
    );
}
