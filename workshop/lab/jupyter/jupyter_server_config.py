"""How `python3 -m workshop notebook` runs Jupyter: for this machine alone, and asking no other."""

c = get_config()  # noqa: F821

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port_retries = 0  # The tool has chosen a port that is free, and waits for it there.
c.ServerApp.open_browser = False  # The tool does, at the right page.
c.ServerApp.allow_root = True  # In a container there may be nobody else.
c.LabApp.extension_manager = "readonly"  # The other one asks PyPI what there is.
# A kernel of another Python on this machine would not have what the notebooks import.
c.KernelSpecManager.allowed_kernelspecs = {"python3"}


def without_outputs(model, **_):
    """Save what a person wrote, and nothing of what it did here: so a notebook can be committed."""
    if model["type"] != "notebook":
        return
    notebook = model["content"]
    notebook["metadata"].pop("widgets", None)
    notebook["metadata"]["language_info"] = {"name": "python"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}


c.ContentsManager.pre_save_hook = without_outputs
