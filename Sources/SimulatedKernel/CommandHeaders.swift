// The fixed parts of structures that the importer gives without initializer or copying, because they
// end in an array or hold a union. Fields are the kernel's, in its order; layouts by section 2.3 of
// the contract.

/// `vfio_irq_set`, 20 bytes.
struct InterruptSetHeader: BitwiseCopyable {
  var argsz: UInt32
  var flags: UInt32
  var index: UInt32
  var start: UInt32
  var count: UInt32
}

/// `vfio_pci_hot_reset_info` and `vfio_pci_hot_reset`, 12 bytes.
struct HotResetHeader: BitwiseCopyable {
  var argsz: UInt32
  var flags: UInt32
  var count: UInt32
}

/// `vfio_device_feature`, 8 bytes.
struct FeatureHeader: BitwiseCopyable {
  var argsz: UInt32
  var flags: UInt32
}

/// `vfio_iommu_type1_dma_unmap`, 24 bytes.
struct DMAUnmapHeader: BitwiseCopyable {
  var argsz: UInt32
  var flags: UInt32
  var iova: UInt64
  var size: UInt64
}

/// `iommu_hw_info`, 40 bytes.
struct HardwareInfoCommand: BitwiseCopyable {
  var size: UInt32
  var flags: UInt32
  var deviceIdentifier: UInt32
  var dataLength: UInt32
  var dataAddress: UInt64
  var type: UInt32
  var pasidLog2: UInt8
  var reserved: (UInt8, UInt8, UInt8)
  var capabilities: UInt64
}
