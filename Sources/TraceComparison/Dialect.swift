/// How the iommufd request-for-comment branches of 2022 and 2023, and QEMU 8.2 to 11.0, named and worded what
/// QEMU 11.1 traces today. Only names and wording are mapped: another order of events stays a difference.
enum Dialect {
  /// What became of an event of an older dialect.
  struct Change: Sendable {
    /// Today's name; nil when today no event tells this.
    let name: String?
    /// The older wording and today's; nil when the arguments are unchanged.
    let rewording: Rewording?
    /// Whether the older event went on in the next line.
    let spansTwoLines: Bool
  }

  /// The change of every older event, by its older name.
  static let changes: [String: Change] = {
    var changes: [String: Change] = [:]
    for (old, new) in renamed {
      changes[old] = Change(name: new, rewording: nil, spansTwoLines: false)
    }
    for name in gone {
      changes[name] = Change(name: nil, rewording: nil, spansTwoLines: false)
    }
    for (old, new, pattern, result) in reworded {
      changes[old] = Change(
        name: new, rewording: Rewording(from: pattern, to: result),
        spansTwoLines: old == "vfio_populate_device_config")
    }
    return changes
  }()

  /// Same arguments under another name.
  static let renamed: [(String, String)] = [
    ("vfio_pci_hot_reset_dep_devices_iommufd", "iommufd_cdev_pci_hot_reset_dep_devices"),
    ("vfio_iommufd_get_devicefd", "iommufd_cdev_getfd"),
    ("vfio_iommufd_alloc_ioas", "iommufd_cdev_alloc_ioas"),
    ("vfio_iommufd_device_info", "iommufd_cdev_device_info"),
    (
      "vfio_iommufd_fail_attach_existing_container",
      "iommufd_cdev_fail_attach_existing_container"
    ),
    ("vfio_attach_device", "vfio_device_attach"),
    ("vfio_detach_device", "vfio_device_detach"),
    ("vfio_get_device", "vfio_device_get"),
    ("vfio_put_base_device", "vfio_device_put"),
    ("vfio_put_group", "vfio_group_put"),
    ("vfio_disconnect_container", "vfio_container_disconnect"),
    (
      "vfio_populate_device_get_irq_info_failure",
      "vfio_pci_populate_device_get_irq_info_failure"
    ),
    ("vfio_intx_eoi", "vfio_pci_intx_eoi"),
    ("vfio_get_dev_region", "vfio_device_get_region_info_type"),
    ("vtd_pasid_cache_gsi", "vtd_inv_desc_pasid_cache_gsi"),
    ("vtd_pasid_cache_dsi", "vtd_inv_desc_pasid_cache_dsi"),
    ("vtd_pasid_cache_psi", "vtd_inv_desc_pasid_cache_psi"),
  ]

  /// Events that today's dialect does not have.
  private static let gone: [String] = [
    "vfio_iommufd_container_reset",
    "iommufd_backend_get_ioas", "iommufd_backend_put_ioas", "iommufd_backend_copy_dma",
    "iommufd_backend_free_ioas",
    "vtd_device_attach_container", "vtd_device_detach_container", "vtd_device_alloc_ioas",
    "vtd_device_fail_attach_existing_hwpt",
  ]

  /// Other wording, under the same name or another. A text that does not fit the pattern stays as it is: today's
  /// events of the same name do not.
  private static let reworded: [(old: String, new: String, pattern: String, result: String)] = [
    (
      "vfio_iommufd_bind_device", "iommufd_cdev_connect_and_bind",
      "* Succesfully bound device *", "$1 Successfully bound device $2"
    ),
    (
      "vfio_iommufd_attach_device", "iommufd_cdev_pasid_attach_ioas_hwpt",
      "* Succesfully attached device * to ioasid=*: output hwptd=*",
      "$1 Successfully attached device $2 pasid 0 to id=$4"
    ),
    (
      "iommufd_cdev_attach_ioas_hwpt", "iommufd_cdev_pasid_attach_ioas_hwpt",
      "* Successfully attached device * to id=*",
      "$1 Successfully attached device $2 pasid 0 to id=$3"
    ),
    (
      "vfio_iommufd_detach_device", "iommufd_cdev_pasid_detach_ioas_hwpt",
      "* Detached * from ioasid=*", "$1 Successfully detached $2 pasid 0"
    ),
    (
      "iommufd_cdev_detach_ioas_hwpt", "iommufd_cdev_pasid_detach_ioas_hwpt",
      "* Successfully detached *", "$1 Successfully detached $2 pasid 0"
    ),
    (
      "iommufd_backend_connect", "iommufd_backend_connect",
      "fd=* owned=* users=* (*)", "fd=$1 owned=$2 users=$3"
    ),
    (
      "iommufd_backend_alloc_ioas", "iommufd_backend_alloc_ioas",
      "iommufd=* ioas=* (*)", "iommufd=$1 ioas=$2"
    ),
    (
      "vfio_populate_device_config", "vfio_pci_populate_device_config",
      "Device * config: size: *", "Device '$1' config: size: $2"
    ),
  ]

  /// Numbers that differ from run to run in older events of other wording, as in `EventField.templates`: two logs
  /// of one older dialect are compared as they are.
  static let templates: [(event: StaticString, template: StaticString)] = [
    (
      "vfio_iommufd_bind_device",
      "[iommufd=<fd>] Succesfully bound device * (fd=<fd>): output devid=<devid>"
    ),
    (
      "vfio_iommufd_attach_device",
      "[iommufd=<fd>] Succesfully attached device * (<fd>) to ioasid=<ioas>: output hwptd=<hwpt>"
    ),
    (
      "iommufd_cdev_attach_ioas_hwpt",
      "[iommufd=<fd>] Successfully attached device * (<fd>) to id=<object>"
    ),
    ("vfio_iommufd_detach_device", "[iommufd=<fd>] Detached * from ioasid=<ioas>"),
    ("iommufd_cdev_detach_ioas_hwpt", "[iommufd=<fd>] Successfully detached"),
  ]
}
