/// Registers and DMAR tables of QEMU 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1), recorded with
/// `qemu-system-x86_64 -machine q35 -accel qtest -nodefaults -device intel-iommu,PROPERTIES -qtest stdio`:
/// `readl 0xfed90000`, `readq 0xfed90008`, `readq 0xfed90010`, and the table from the firmware
/// configuration file `etc/acpi/tables`, where its checksum is still 0.
enum QEMURecords {
  /// What a property set looks like to a guest.
  struct Record: Sendable {
    let properties: String
    let version: UInt32
    let capability: UInt64
    let extendedCapability: UInt64
    /// The table behind its 36 bytes of header, in hexadecimal.
    let table: String
  }

  static let registers: [Record] = [
    Record(
      properties: "", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "aw-bits=39", version: 0x10, capability: 0x80d2_008c_2226_0206,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "26010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "intremap=off", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_0000_0f42,
      table: "2f000000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "eim=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f5a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "eim=off", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "caching-mode=on", version: 0x10, capability: 0x80d2_008c_222f_0686,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "device-iotlb=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f4e,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "dma-translation=off", version: 0x10, capability: 0x80d2_008c_222f_0006,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "snoop-control=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0fca,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "fs1gp=off", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "fs1gp=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "intremap=on,eim=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0f5a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "device-iotlb=on,snoop-control=on", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_0000_00f0_0fce,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "scalable-mode=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4800_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,aw-bits=39", version: 0x10, capability: 0x80d2_008c_2226_0206,
      extendedCapability: 0x0000_4800_80f0_0f4a,
      table: "26010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fs1gp=off", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4800_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,caching-mode=on", version: 0x10,
      capability: 0x80d2_008c_222f_0686,
      extendedCapability: 0x0000_4800_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,pasid-bits=1", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4900_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,pasid-bits=16", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4978_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,pasid-bits=20", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4998_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,snoop-control=on", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4800_80f0_0fca,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,device-iotlb=on", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4800_80f0_0f4e,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "scalable-mode=on,device-iotlb=on,pasid-bits=20", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4998_80f0_0f4e,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "scalable-mode=on,dma-translation=off", version: 0x10,
      capability: 0x80d2_008c_222f_0006,
      extendedCapability: 0x0000_4800_80f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,device-iotlb=on,fsts=on,pasid-bits=20,svm=on", version: 0x10,
      capability: 0x81d2_008c_222f_0606,
      extendedCapability: 0x0000_8d9a_20f0_0f4e,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "scalable-mode=on,intremap=off", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4800_8000_0f42,
      table: "2f000000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,eim=on", version: 0x10, capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_4800_80f0_0f5a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on", version: 0x10, capability: 0x81d2_008c_222f_0606,
      extendedCapability: 0x0000_8800_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,fs1gp=off", version: 0x10,
      capability: 0x80d2_008c_222f_0606,
      extendedCapability: 0x0000_8800_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,fs1gp=off,caching-mode=on", version: 0x10,
      capability: 0x80d2_008c_222f_0686,
      extendedCapability: 0x0000_8800_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,caching-mode=on", version: 0x10,
      capability: 0x81d2_008c_222f_0686,
      extendedCapability: 0x0000_8800_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,pasid-bits=20", version: 0x10,
      capability: 0x81d2_008c_222f_0606,
      extendedCapability: 0x0000_8998_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,pasid-bits=16,device-iotlb=on", version: 0x10,
      capability: 0x81d2_008c_222f_0606,
      extendedCapability: 0x0000_8978_00f0_0f4e,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "scalable-mode=on,fsts=on,snoop-control=on", version: 0x10,
      capability: 0x81d2_008c_222f_0606,
      extendedCapability: 0x0000_8800_00f0_0fca,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,dma-translation=off", version: 0x10,
      capability: 0x81d2_008c_222f_0006,
      extendedCapability: 0x0000_8800_00f0_0f4a,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "scalable-mode=on,fsts=on,intremap=off", version: 0x10,
      capability: 0x81d2_008c_222f_0606,
      extendedCapability: 0x0000_8800_0000_0f42,
      table: "2f000000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties:
        "scalable-mode=on,fsts=on,device-iotlb=on,pasid-bits=20,snoop-control=on,caching-mode=on",
      version: 0x10, capability: 0x81d2_008c_222f_0686,
      extendedCapability: 0x0000_8998_00f0_0fce,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "dma-translation=off,aw-bits=39", version: 0x10,
      capability: 0x80d2_008c_2226_0006,
      extendedCapability: 0x0000_0000_00f0_0f4a,
      table: "26010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "dma-translation=off,intremap=off", version: 0x10,
      capability: 0x80d2_008c_222f_0006,
      extendedCapability: 0x0000_0000_0000_0f42,
      table: "2f000000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "caching-mode=on,snoop-control=on", version: 0x10,
      capability: 0x80d2_008c_222f_0686,
      extendedCapability: 0x0000_0000_00f0_0fca,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f03"),
    Record(
      properties: "caching-mode=on,aw-bits=39,device-iotlb=on", version: 0x10,
      capability: 0x80d2_008c_2226_0286,
      extendedCapability: 0x0000_0000_00f0_0f4e,
      table: "26010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
    Record(
      properties: "dma-translation=off,pasid-bits=5,scalable-mode=on,device-iotlb=on",
      version: 0x10, capability: 0x80d2_008c_222f_0006,
      extendedCapability: 0x0000_4920_80f0_0f4e,
      table: "2f010000000000000000000000003800000000000000d9fe000000000308000000ff0000"
        + "01080000000000000108000000001f000108000000001f020108000000001f030200080001000000"),
  ]

  /// The first 36 bytes of the table for no properties.
  static let header = "444d4152680000000100424f434853204258504320202020010000004258504301000000"

  /// What stands on a root bus: `e` and `b` for endpoint and bridge, then bus, slot and function.
  struct Placement: Sendable {
    let devices: String
    let properties: String
    /// The table's device scopes and what follows them.
    let scopes: String
  }

  static let placements: [Placement] = [
    Placement(
      devices: "e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff000001080000000000000108000000001f000108000000001f02"
        + "0108000000001f03"),
    Placement(
      devices: "e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "device-iotlb=on",
      scopes: "0308000000ff000001080000000000000108000000001f000108000000001f02"
        + "0108000000001f030200080001000000"),
    Placement(
      devices: "e00:03.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000001080000000003000108000000001f00"
        + "0108000000001f020108000000001f03"),
    Placement(
      devices: "b00:04.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000002080000000004000108000000001f00"
        + "0108000000001f020108000000001f03"),
    Placement(
      devices: "b00:04.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "device-iotlb=on",
      scopes: "0308000000ff0000010800000000000002080000000004000108000000001f00"
        + "0108000000001f020108000000001f030200080001000000"),
    Placement(
      devices: "b00:04.1 b00:04.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000002080000000004000208000000000401"
        + "0108000000001f000108000000001f020108000000001f03"),
    Placement(
      devices: "b00:04.1 b00:04.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3",
      properties: "device-iotlb=on",
      scopes: "0308000000ff0000010800000000000002080000000004000208000000000401"
        + "0108000000001f000108000000001f020108000000001f030200080001000000"),
    Placement(
      devices: "e00:06.0 e00:06.1 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000001080000000006000108000000000601"
        + "0108000000001f000108000000001f020108000000001f03"),
    Placement(
      devices: "b00:05.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000002080000000005000108000000001f00"
        + "0108000000001f020108000000001f03"),
    Placement(
      devices: "b00:04.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000002080000000004000108000000001f00"
        + "0108000000001f020108000000001f03"),
    Placement(
      devices: "b80:00.0 e00:07.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3", properties: "",
      scopes: "0308000000ff0000010800000000000001080000000007000108000000001f00"
        + "0108000000001f020108000000001f030208000000800000"),
    Placement(
      devices: "b80:00.0 e00:07.0 e00:00.0 e00:1f.0 e00:1f.2 e00:1f.3",
      properties: "device-iotlb=on",
      scopes: "0308000000ff0000010800000000000001080000000007000108000000001f00"
        + "0108000000001f020108000000001f0302080000008000000200080001000000"),
  ]

  /// Property sets that QEMU refuses, with its words.
  static let refusals: [(properties: String, message: String)] = [
    (
      "aw-bits=57",
      "Legacy mode: supported values for aw-bits are: 39, 48"
    ),
    (
      "aw-bits=64",
      "Legacy mode: supported values for aw-bits are: 39, 48"
    ),
    (
      "intremap=off,eim=on",
      "eim=on cannot be selected without intremap=on"
    ),
    (
      "pasid-bits=16",
      "Need to set scalable mode for PASID"
    ),
    (
      "pasid-bits=25",
      "Need to set scalable mode for PASID"
    ),
    (
      "svm=on",
      "Need to set device IOTLB for svm"
    ),
    (
      "fsts=on",
      "fsts is only available in scalable mode"
    ),
    (
      "scalable-mode=on,aw-bits=57",
      "Scalable mode(fsts=off): supported values for aw-bits are: 39, 48"
    ),
    (
      "scalable-mode=on,pasid-bits=21",
      "PASID width 21 exceeds Max PASID Width 20 allowed in PCI spec"
    ),
    (
      "scalable-mode=on,pasid-bits=255",
      "PASID width 255 exceeds Max PASID Width 20 allowed in PCI spec"
    ),
    (
      "scalable-mode=on,svm=on",
      "Need to set device IOTLB for svm"
    ),
    (
      "scalable-mode=on,device-iotlb=on,svm=on",
      "Need to set fsts for svm"
    ),
    (
      "scalable-mode=on,device-iotlb=on,fsts=on,svm=on",
      "Need to set PASID support for svm"
    ),
    (
      "scalable-mode=on,device-iotlb=on,fsts=on,dma-translation=off,svm=on",
      "Need to set dma-translation for svm"
    ),
    (
      "scalable-mode=on,fsts=on,aw-bits=39",
      "Scalable mode(fsts=on): supported value for aw-bits is: 48"
    ),
    (
      "scalable-mode=on,fsts=on,aw-bits=57",
      "Scalable mode(fsts=on): supported value for aw-bits is: 48"
    ),
    (
      "pasid-bits=25,fsts=on",
      "fsts is only available in scalable mode"
    ),
    (
      "aw-bits=0",
      "Legacy mode: supported values for aw-bits are: 39, 48"
    ),
    (
      "fsts=on,aw-bits=39",
      "fsts is only available in scalable mode"
    ),
    (
      "pasid-bits=5,fsts=on,aw-bits=3",
      "fsts is only available in scalable mode"
    ),
    (
      "eim=on,intremap=off,aw-bits=3",
      "eim=on cannot be selected without intremap=on"
    ),
    (
      "svm=on,eim=on,intremap=off",
      "eim=on cannot be selected without intremap=on"
    ),
    (
      "fsts=on,eim=on,intremap=off",
      "eim=on cannot be selected without intremap=on"
    ),
    (
      "scalable-mode=on,aw-bits=57,pasid-bits=25",
      "Scalable mode(fsts=off): supported values for aw-bits are: 39, 48"
    ),
    (
      "aw-bits=57,pasid-bits=5",
      "Legacy mode: supported values for aw-bits are: 39, 48"
    ),
    (
      "aw-bits=57,svm=on",
      "Legacy mode: supported values for aw-bits are: 39, 48"
    ),
    (
      "scalable-mode=on,pasid-bits=25,svm=on",
      "PASID width 25 exceeds Max PASID Width 20 allowed in PCI spec"
    ),
    (
      "pasid-bits=5,svm=on",
      "Need to set scalable mode for PASID"
    ),
    (
      "scalable-mode=on,fsts=on,aw-bits=39,pasid-bits=25,svm=on",
      "Scalable mode(fsts=on): supported value for aw-bits is: 48"
    ),
    (
      "scalable-mode=on,svm=on,device-iotlb=on,dma-translation=off",
      "Need to set fsts for svm"
    ),
    (
      "scalable-mode=on,svm=on,device-iotlb=on,dma-translation=off,pasid-bits=4",
      "Need to set fsts for svm"
    ),
    (
      "scalable-mode=on,svm=on,device-iotlb=on,fsts=on,dma-translation=off,pasid-bits=4",
      "Need to set dma-translation for svm"
    ),
    (
      "fsts=on,aw-bits=57,pasid-bits=25",
      "fsts is only available in scalable mode"
    ),
    (
      "eim=on,intremap=off,scalable-mode=on,pasid-bits=25",
      "eim=on cannot be selected without intremap=on"
    ),
    (
      "svm=on,device-iotlb=on",
      "Need to set fsts for svm"
    ),
    (
      "fsts=on,svm=on,device-iotlb=on",
      "fsts is only available in scalable mode"
    ),
  ]
}
