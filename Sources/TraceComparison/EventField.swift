/// A piece of an event's arguments: fixed text, and perhaps a number behind it that differs from run to run.
struct EventField: Sendable, Equatable {
  /// The fixed text.
  let prefix: [UInt8]
  /// Whether the text follows the previous piece at once; otherwise it is searched for.
  let isAnchored: Bool
  /// What the number behind the text names; nil when no number follows.
  let kind: IdentifierKind?

  /// The fields of the arguments described by `template`: the event's format with white space collapsed, `<kind>`
  /// for a number that differs from run to run, `*` for anything else that varies; what follows the last number
  /// may be left out.
  static func fields(of template: StaticString) -> [EventField] {
    var fields: [EventField] = []
    var prefix: [UInt8] = []
    var isAnchored = true
    var name: String?
    for scalar in template.description.unicodeScalars {
      switch (scalar, name) {
      case ("<", nil):
        name = ""
      case (">", let kindName?):
        if let kind = IdentifierKind.allCases.first(where: { $0.name == kindName }) {
          fields.append(EventField(prefix: prefix, isAnchored: isAnchored, kind: kind))
        }
        prefix = []
        isAnchored = true
        name = nil
      case (_, let kindName?):
        name = kindName + String(scalar)
      case ("*", nil):
        if !prefix.isEmpty {
          fields.append(EventField(prefix: prefix, isAnchored: isAnchored, kind: nil))
        }
        prefix = []
        isAnchored = false
      default:
        prefix += Array(String(scalar).utf8)
      }
    }
    return fields
  }

  /// The fields of every event that has some, by its name in any dialect.
  static let all: [String: [EventField]] = {
    var all: [String: [EventField]] = [:]
    for (event, template) in templates + Dialect.templates {
      all[event.description] = fields(of: template)
    }
    for (old, new) in Dialect.renamed {
      all[old] = all[new]
    }
    return all
  }()

  /// Events whose arguments hold such numbers, in today's dialect. Numbers that the kernel or the machine fixes
  /// (group, region, register, length, result, PASID) are not here: they are compared as they are.
  static let templates: [(event: StaticString, template: StaticString)] = [
    // Regions and the legacy backend.
    ("vfio_region_dmabuf", "Device *, dmabuf fd <fd>"),
    ("vfio_device_put", "close vdev->fd=<fd>"),
    ("vfio_group_put", "close group->fd=<fd>"),
    ("vfio_container_disconnect", "close container->fd=<fd>"),
    ("vfio_listener_region_add_ram", "region_add [ram] * [<pointer>]"),
    // The device side of iommufd.
    ("iommufd_cdev_getfd", "* (fd=<fd>)"),
    (
      "iommufd_cdev_connect_and_bind",
      "[iommufd=<fd>] Successfully bound device * (fd=<fd>): output devid=<devid>"
    ),
    ("iommufd_cdev_alloc_ioas", "[iommufd=<fd>] new IOMMUFD container with ioasid=<ioas>"),
    (
      "iommufd_cdev_pasid_attach_ioas_hwpt",
      "[iommufd=<fd>] Successfully attached device * (<fd>) pasid * to id=<object>"
    ),
    ("iommufd_cdev_pasid_detach_ioas_hwpt", "[iommufd=<fd>] Successfully detached"),
    ("iommufd_cdev_device_info", "* (<fd>) num_irqs="),
    ("iommufd_cdev_pci_hot_reset_dep_devices", "* devid <devid>"),
    // The object side of iommufd.
    ("iommu_backend_set_fd", "pre-opened /dev/iommu fd=<fd>"),
    ("iommufd_backend_connect", "fd=<fd>"),
    ("iommufd_backend_disconnect", "fd=<fd>"),
    ("iommufd_change_process", "fd=<fd>"),
    ("iommufd_backend_alloc_ioas", "iommufd=<fd> ioas=<ioas>"),
    (
      "iommufd_backend_alloc_hwpt",
      "iommufd=<fd> dev_id=<devid> pt_id=<object> * data_ptr=<pointer> out_hwpt=<hwpt>"
    ),
    ("iommufd_backend_free_id", "iommufd=<fd> id=<object>"),
    ("iommufd_backend_map_dma", "iommufd=<fd> ioas=<ioas> * addr=<pointer>"),
    ("iommufd_backend_map_file_dma", "iommufd=<fd> ioas=<ioas> * fd=<fd>"),
    ("iommufd_backend_unmap_dma", "iommufd=<fd> ioas=<ioas>"),
    (
      "iommufd_backend_unmap_dma_non_exist",
      "Unmap nonexistent mapping: iommufd=<fd> ioas=<ioas>"
    ),
    ("iommufd_backend_set_dirty", "iommufd=<fd> hwpt=<hwpt>"),
    ("iommufd_backend_get_dirty_bitmap", "iommufd=<fd> hwpt=<hwpt>"),
    ("iommufd_backend_invalidate_cache", "iommufd=<fd> id=<object> * data_ptr=<pointer>"),
    (
      "iommufd_backend_alloc_viommu",
      "iommufd=<fd> dev_id=<devid> * hwpt_id=<hwpt> data_ptr=<pointer> * viommu_id=<viommu>"
    ),
    (
      "iommufd_backend_alloc_vdev",
      "iommufd=<fd> dev_id=<devid> viommu_id=<viommu> * vdev_id=<vdev>"
    ),
    (
      "iommufd_viommu_alloc_eventq",
      "iommufd=<fd> viommu_id=<viommu> * veventq_id=<veventq> veventq_fd=<fd>"
    ),
    (
      "iommufd_backend_alloc_hw_queue",
      "iommufd=<fd> viommu_id=<viommu> * queue_id=<queue>"
    ),
    ("iommufd_backend_viommu_mmap", "iommufd=<fd> viommu_id=<viommu>"),
    // The virtual IOMMU and live update.
    ("vtd_device_attach_hwpt", "dev_id <devid> * hwpt_id <hwpt>"),
    ("vtd_device_detach_hwpt", "dev_id <devid>"),
    ("vtd_device_reattach_def_hwpt", "dev_id <devid> * hwpt_id <hwpt>"),
    ("vfio_cpr_find_device", "ioas_id <ioas>, devid <devid>, hwpt_id <hwpt>"),
  ]
}
