//! The calls into Burn that the engine makes, each compiled once, here.
//!
//! They keep Burn's names and the order of its arguments. They queue work and return at once, apart from the reads; they
//! panic where Burn does, so callers wrap them in [`crate::contain`].

use burn_backend::ops::{ActivationOps, BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn_backend::{BoolDType, FloatDType, IntDType, Scalar, Shape, Slice, TensorData, read_sync};
use burn_dispatch::Dispatch as Burn;
use burn_dispatch::DispatchTensor;

use crate::{Primitive, Queue};

/// Burn's operations.
#[derive(Debug, Clone, Copy)]
pub struct Dispatch;

/// An argument as Burn takes it.
trait Argument {
    type Taken;
    fn taken(self) -> Self::Taken;
}

impl Argument for Primitive {
    type Taken = DispatchTensor;
    fn taken(self) -> DispatchTensor {
        self.into_burn()
    }
}

impl<'a, T> Argument for &'a [T] {
    type Taken = &'a [T];
    fn taken(self) -> &'a [T] {
        self
    }
}

macro_rules! as_it_is {
    ($($ty:ty),*) => {$(
        impl Argument for $ty {
            type Taken = $ty;
            fn taken(self) -> $ty { self }
        }
    )*};
}

as_it_is!(Scalar, usize, BoolDType, IntDType, FloatDType, Shape);

/// `name(arguments);` calls Burn's function of that name.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*);)*) => {
        impl Dispatch {$(
            $(#[$doc])*
            #[inline(never)]
            pub fn $name(x: Primitive $(, $arg: $ty)*) -> Primitive {
                Primitive::new(Burn::$name(x.into_burn() $(, $arg.taken())*))
            }
        )*}
    };
}

macro_rules! unary {
    ($($name:ident)*) => { calls! { $(/** Of each element. */ $name();)* } };
}

macro_rules! binary {
    ($($name:ident)*) => { calls! { $(/** Of each pair of elements; both shapes are equal. */ $name(y: Primitive);)* } };
}

macro_rules! scalar {
    ($($name:ident)*) => { calls! { $(/** Of each element and a number. */ $name(y: Scalar);)* } };
}

macro_rules! comparison {
    ($($of_two:ident $of_one:ident)*) => { calls! { $(
        /** Where it holds for a pair of elements. */
        $of_two(y: Primitive, bools: BoolDType);
        /** Where it holds for an element and a number. */
        $of_one(y: Scalar, bools: BoolDType);
    )* } };
}

macro_rules! along {
    ($($name:ident)*) => { calls! { $(/** Along an axis, which stays with size 1 where it is reduced. */ $name(axis: usize);)* } };
}

unary! {
    float_neg float_abs float_floor float_ceil float_round float_exp float_log float_sqrt float_recip float_tanh
    float_erf int_abs bool_not
}
binary! {
    float_add float_sub float_mul float_div int_add int_sub int_mul bool_and bool_or bool_xor
}
scalar! {
    float_add_scalar float_sub_scalar float_mul_scalar float_div_scalar int_add_scalar int_sub_scalar int_mul_scalar
}
comparison! {
    float_equal float_equal_elem float_not_equal float_not_equal_elem float_lower float_lower_elem
    float_lower_equal float_lower_equal_elem float_greater float_greater_elem float_greater_equal
    float_greater_equal_elem int_equal int_equal_elem int_not_equal int_not_equal_elem int_lower int_lower_elem
    int_lower_equal int_lower_equal_elem int_greater int_greater_elem int_greater_equal int_greater_equal_elem
}
along! {
    float_sum_dim float_mean_dim float_prod_dim float_max_dim float_min_dim int_max_dim int_min_dim bool_any_dim
    bool_all_dim softmax log_softmax
}
calls! {
    /// The matrix product over the last two axes; the others are equal.
    float_matmul(y: Primitive);
    /// Where elements are NaN.
    float_is_nan(bools: BoolDType);
    /// Where elements are infinite.
    float_is_inf(bools: BoolDType);
    /// A number where the mask is true.
    float_mask_fill(mask: Primitive, value: Scalar);
    /// A number where the mask is true.
    int_mask_fill(mask: Primitive, value: Scalar);
    /// Elements of another tensor where the mask is true.
    float_mask_where(mask: Primitive, other: Primitive);
    /// Elements of another tensor where the mask is true.
    int_mask_where(mask: Primitive, other: Primitive);
    /// Positions of the largest elements along an axis.
    float_argmax(axis: usize, dtype: IntDType);
    /// Positions of the smallest elements along an axis.
    float_argmin(axis: usize, dtype: IntDType);
    /// The same elements under another shape.
    float_reshape(shape: Shape);
    /// The same elements under another shape.
    int_reshape(shape: Shape);
    /// The same elements under another shape.
    bool_reshape(shape: Shape);
    /// Repeated along axes of size 1.
    float_expand(shape: Shape);
    /// Repeated along axes of size 1.
    int_expand(shape: Shape);
    /// Repeated along axes of size 1.
    bool_expand(shape: Shape);
    /// The axes in another order.
    float_permute(axes: &[usize]);
    /// The axes in another order.
    int_permute(axes: &[usize]);
    /// The axes in another order.
    bool_permute(axes: &[usize]);
    /// A piece, one slice for each axis.
    float_slice(slices: &[Slice]);
    /// A piece, one slice for each axis.
    int_slice(slices: &[Slice]);
    /// A piece, one slice for each axis.
    bool_slice(slices: &[Slice]);
    /// Whole numbers as floats.
    int_into_float(dtype: FloatDType);
    /// Truth values as the floats 0 and 1.
    bool_into_float(dtype: FloatDType);
    /// Truth values as the whole numbers 0 and 1.
    bool_into_int(dtype: IntDType);
}

/// Calls that make tensors, put them together, or read them: one of each for floats, whole numbers and truth values.
macro_rules! kinds {
    ($($cat:ident $from_data:ident $into_data:ident;)*) => {
        impl Dispatch {$(
            /// Tensors one behind the other along an axis.
            pub fn $cat(tensors: Vec<Primitive>, axis: usize) -> Primitive {
                Primitive::new(Burn::$cat(tensors.into_iter().map(Primitive::into_burn).collect(), axis))
            }

            /// Copies elements up.
            pub fn $from_data(data: TensorData, queue: &Queue) -> Primitive {
                Primitive::new(Burn::$from_data(data, &queue.device))
            }

            /// Copies the elements down. Waits for everything that they depend on.
            ///
            /// # Errors
            /// What the device says when it cannot.
            pub fn $into_data(x: Primitive) -> Result<TensorData, String> {
                read_sync(Burn::$into_data(x.into_burn())).map_err(|error| error.to_string())
            }
        )*}
    };
}

kinds! {
    float_cat float_from_data float_into_data;
    int_cat int_from_data int_into_data;
    bool_cat bool_from_data bool_into_data;
}

impl Dispatch {
    /// A tensor of one number.
    pub fn float_full(shape: Shape, value: Scalar, queue: &Queue, dtype: FloatDType) -> Primitive {
        Primitive::new(Burn::float_full(shape, value, &queue.device, dtype))
    }
}
