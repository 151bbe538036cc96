//! A tensor on the device, without the types that Burn makes it of.

use std::any::Any;
use std::fmt;

use burn_dispatch::DispatchTensor;

/// Burn's handle of a tensor on the device. Cloning shares the elements; dropping it tells the driver, which may panic:
/// that is contained, because the memory of a device that was lost is gone already and there is nobody to tell.
pub struct Primitive(Option<Box<dyn Any + Send + Sync>>);

impl Primitive {
    pub(crate) fn new(tensor: DispatchTensor) -> Primitive {
        Primitive(Some(Box::new(tensor)))
    }

    /// Burn's tensor.
    pub(crate) fn into_burn(mut self) -> DispatchTensor {
        let tensor = self.0.take().and_then(|any| any.downcast().ok());
        *tensor.expect("a primitive holds a tensor of Burn until it is used up or dropped")
    }
}

impl Clone for Primitive {
    #[inline(never)]
    fn clone(&self) -> Primitive {
        let tensor = self.0.as_ref().and_then(|any| any.downcast_ref::<DispatchTensor>());
        Primitive(tensor.map(|tensor| Box::new(tensor.clone()) as Box<dyn Any + Send + Sync>))
    }
}

impl Drop for Primitive {
    #[inline(never)]
    fn drop(&mut self) {
        if let Some(tensor) = self.0.take() {
            drop(crate::contain(|| drop(tensor)));
        }
    }
}

impl fmt::Debug for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tensor of Burn")
    }
}
