"""The labelling page: a person labels the hard examples, which are then added to the dataset.

    <HE_SAVED_URL>/photo-….jpg, .json              waits for its label
    <dataset>/hard-examples/photo-….jpg            labelled, with its line in the index
    <dataset>/hard-examples/.pending-labels.json   labels that can still be undone

A labelled picture is moved; its JSON file stays, with ``true_label``, so that the inference worker
recognises the picture if it arrives again. Lines are appended several at a time: of each increment
the LocalController gives ``int(trainProb * lines)`` to training, which is 0 for a single line.
"""
