"""The names of the steps of a FINN build in their order; what each does is `owlbit.hw.finn.steps`. Imports nothing."""

FREE = (
    "step_qonnx_to_finn",
    "step_tidy_up",
    "step_owlbit_absorb_scales",
    "step_owlbit_lower",
    "step_owlbit_streamline",
    "step_owlbit_convert_to_hw",
    "step_owlbit_set_widths",
    "step_create_dataflow_partition",
    "step_specialize_layers",
    "step_owlbit_fold",
    "step_generate_estimate_reports",
    "step_hw_codegen",
)
NEEDS_VIVADO = (
    "step_hw_ipgen",
    "step_set_fifo_depths",
    "step_create_stitched_ip",
    "step_measure_rtlsim_performance",
    "step_out_of_context_synthesis",
    "step_prepare_synthesis",
    "step_synthesize_bitfile",
    "step_make_driver",
    "step_deployment_package",
)
STEP_NAMES = (*FREE, *NEEDS_VIVADO)

STREAMLINED = "step_owlbit_streamline"  # the last graph before hardware layers
PARTITIONED = "step_create_dataflow_partition"  # from here on the graph is that of the accelerator alone
FOLDED = "step_owlbit_fold"  # from here on a layer is as parallel as it is built
LAST_FREE = FREE[-1]
