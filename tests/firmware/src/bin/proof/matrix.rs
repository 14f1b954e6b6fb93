//! Views.

use nanocurv::{Mat, MatMut, Real};

pub fn functions<T: Real>() {
    keep!(
        Mat::<T>::new,
        Mat::<T>::from_array::<2, 3, 6>,
        Mat::<T>::strided,
        Mat::<T>::column_vector,
        Mat::<T>::rows,
        Mat::<T>::cols,
        Mat::<T>::stride,
        Mat::<T>::data,
        Mat::<T>::at,
        Mat::<T>::col,
        Mat::<T>::columns,
        Mat::<T>::columns_from,
        Mat::<T>::block,
        Mat::<T>::diagonal,
        Mat::<T>::columns_range,
        Mat::<T>::check,
    );
    keep!(
        MatMut::<T>::new,
        MatMut::<T>::from_array::<2, 3, 6>,
        MatMut::<T>::column_vector,
        MatMut::<T>::strided,
        MatMut::<T>::rows,
        MatMut::<T>::cols,
        MatMut::<T>::stride,
        MatMut::<T>::data,
        MatMut::<T>::into_data,
        MatMut::<T>::as_ref,
        MatMut::<T>::into_ref,
        MatMut::<T>::reborrow,
        MatMut::<T>::at,
        MatMut::<T>::set,
        MatMut::<T>::col,
        MatMut::<T>::columns,
        MatMut::<T>::block,
        MatMut::<T>::into_block,
        MatMut::<T>::split_at_col,
        MatMut::<T>::fill,
        MatMut::<T>::scale,
        MatMut::<T>::copy_from,
        MatMut::<T>::add_scaled,
        MatMut::<T>::add_diagonal,
        MatMut::<T>::mirror_lower,
        MatMut::<T>::copy_transposed,
    );
}
