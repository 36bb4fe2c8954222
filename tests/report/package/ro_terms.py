"""The terms that our crates use, as RO-Crate 1.1 and the Workflow Run terms define them: to validate offline."""

SCHEMA = """about actionStatus alternateName citation contentSize contentUrl CreateAction creator CreativeWork
Dataset datePublished description encodingFormat endTime hasPart HowTo HowToStep identifier
instrument license mainEntity mentions name object Organization OrganizeAction ControlAction Person
position programmingLanguage PropertyValue publisher result softwareRequirements SoftwareApplication
SoftwareSourceCode softwareVersion startTime step ComputerLanguage url version workExample author
CollectionPage""".split()
CRATE = {"@context": {name: f"http://schema.org/{name}" for name in SCHEMA}}
CRATE["@context"] |= {
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
}
RUN = {"@context": {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}}
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": CRATE,
    "https://w3id.org/ro/terms/workflow-run/context": RUN,
}
