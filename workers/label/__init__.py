"""The labelling page: a person says what the hard examples show, and the dataset grows.

    <HE_SAVED_URL>/photo-….jpg, .json              waits for its label
    <dataset>/hard-examples/photo-….jpg            is labelled, with its line in the index
    <dataset>/hard-examples/.pending-labels.json   labels that can still be undone

A labelled picture moves; its JSON file stays, with ``true_label``, so that the inference worker
knows the picture when it comes again. Lines are appended several at a time: of each increment
the LocalController gives ``int(trainProb * lines)`` to training, which is none of a single line.
"""
