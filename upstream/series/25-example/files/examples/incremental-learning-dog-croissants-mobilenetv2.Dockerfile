FROM python:3.11-slim

# The pins of lib/requirements.txt do not resolve on Python 3.11.
RUN pip install --no-cache-dir \
        colorlog fastapi joblib minio pandas tenacity uvicorn "websockets<14" \
        easydict "numpy<2" opencv-python-headless Pillow PyYAML requests \
        scikit-learn scipy six tqdm mindspore==2.10.0 && \
    pip install --no-cache-dir --no-deps tinyms==0.3.2

# MindSpore 2.10 picks a slow convolution on CPUs with AVX-512 otherwise.
ENV ONEDNN_MAX_CPU_ISA=AVX2 \
    PYTHONPATH=/home/lib

WORKDIR /home/work
COPY lib /home/lib
COPY examples/incremental_learning/dog_croissants_mobilenetv2/training /home/work/

ENTRYPOINT ["python"]
