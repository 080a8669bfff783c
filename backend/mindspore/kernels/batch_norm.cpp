// Batch normalisation in training, with or without ReLU6 after it, and its gradients.
//
// Ioffe and Szegedy, "Batch Normalization", ICML 2015. The mask of ReLU6 is computed again from
// the input, so that backward reads two arrays and not four.

#include <cmath>

#include "channels.h"

namespace {

// MindSpore's defaults; an operator of other values is not replaced.
constexpr float kEpsilon = 1e-5f;
constexpr float kMomentum = 0.1f;
constexpr float kCeiling = 6;

struct Shape {
  int64_t images, channels, size;
  int64_t count() const { return images * size; }
  int64_t start(int64_t image, int64_t channel) const { return (image * channels + channel) * size; }
};

struct Moments {
  double mean, variance;
};

// Image by image, combined as in Chan, Golub and LeVeque, "Updating Formulae and a Pairwise
// Algorithm for Computing Sample Variances", 1979.
Moments moments(const Shape& shape, const float* x, int64_t channel) {
  double mean = 0, squares = 0;
  for (int64_t n = 0; n < shape.images; ++n) {
    const float* plane = x + shape.start(n, channel);
    float sum = 0, square = 0;
    for (int64_t i = 0; i < shape.size; ++i) sum += plane[i];
    const float centre = sum / shape.size;
    for (int64_t i = 0; i < shape.size; ++i) square += (plane[i] - centre) * (plane[i] - centre);
    const double delta = centre - mean;
    mean += delta / (n + 1);
    squares += square + delta * delta * shape.size * n / (n + 1);
  }
  return {mean, squares / shape.count()};
}

struct Forward {
  const float *x, *gamma, *beta;
  float *moving_mean, *moving_variance, *y, *mean, *inverse_deviation;
};

void keep(const Forward& p, int64_t channel, const Moments& m, int64_t count) {
  const double unbiased = m.variance * count / std::max<int64_t>(count - 1, 1);
  p.mean[channel] = m.mean;
  p.inverse_deviation[channel] = 1 / std::sqrt(m.variance + kEpsilon);
  p.moving_mean[channel] += kMomentum * (m.mean - p.moving_mean[channel]);
  p.moving_variance[channel] += kMomentum * (unbiased - p.moving_variance[channel]);
}

template <bool CLIPPED>
void normalise(const Shape& shape, const Forward& p) {
  for_each_channel(shape.channels, [&] {
    return [&](int64_t channel) {
      keep(p, channel, moments(shape, p.x, channel), shape.count());
      const float scale = p.gamma[channel] * p.inverse_deviation[channel];
      const float shift = p.beta[channel] - p.mean[channel] * scale;
      for (int64_t n = 0; n < shape.images; ++n) {
        const float* __restrict in = p.x + shape.start(n, channel);
        float* __restrict out = p.y + shape.start(n, channel);
        for (int64_t i = 0; i < shape.size; ++i) {
          const float value = in[i] * scale + shift;
          out[i] = CLIPPED ? std::min(std::max(value, 0.f), kCeiling) : value;
        }
      }
    };
  });
}

struct Backward {
  const float *dy, *x, *gamma, *beta, *mean, *inverse_deviation;
  float *dx, *dgamma, *dbeta;
};

template <bool CLIPPED>
inline float passed(float gradient, float value) {
  return !CLIPPED || (value > 0 && value < kCeiling) ? gradient : 0;
}

template <bool CLIPPED>
void differentiate(const Shape& shape, const Backward& p) {
  for_each_channel(shape.channels, [&] {
    return [&](int64_t channel) {
      const float mean = p.mean[channel], inverse = p.inverse_deviation[channel];
      const float scale = p.gamma[channel] * inverse;
      const float shift = p.beta[channel] - mean * scale;
      double total = 0, product = 0;
      for (int64_t n = 0; n < shape.images; ++n) {
        const float *dy = p.dy + shape.start(n, channel), *x = p.x + shape.start(n, channel);
        float sum = 0, dot = 0;
        for (int64_t i = 0; i < shape.size; ++i) {
          const float gradient = passed<CLIPPED>(dy[i], x[i] * scale + shift);
          sum += gradient;
          dot += gradient * (x[i] - mean);
        }
        total += sum;
        product += dot;
      }
      p.dbeta[channel] = total;
      p.dgamma[channel] = product * inverse;
      const float slope = -scale * product * inverse * inverse / shape.count();
      const float level = -scale * total / shape.count() - slope * mean;
      for (int64_t n = 0; n < shape.images; ++n) {
        const float* __restrict dy = p.dy + shape.start(n, channel);
        const float* __restrict x = p.x + shape.start(n, channel);
        float* __restrict dx = p.dx + shape.start(n, channel);
        for (int64_t i = 0; i < shape.size; ++i) {
          const float gradient = passed<CLIPPED>(dy[i], x[i] * scale + shift);
          dx[i] = scale * gradient + (slope * x[i] + level);
        }
      }
    };
  });
}

Shape shape_of(const int64_t* in) { return {in[0], in[1], in[2] * in[3]}; }

Forward forward_of(void** params) {
  auto p = reinterpret_cast<float**>(params);
  return {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
}

Backward backward_of(void** params) {
  auto p = reinterpret_cast<float**>(params);
  return {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]};
}

}  // namespace

// MindSpore's interface for Custom operators: inputs first, then outputs, all float32. The moving
// statistics are inputs that are written, as in MindSpore's own BatchNorm.

// x (N, C, H, W), gamma, beta, moving mean, moving variance (C,) -> y, mean, 1 / deviation
extern "C" int batch_norm(int, void** params, int*, int64_t** shapes, const char**, void*, void*) {
  normalise<false>(shape_of(shapes[0]), forward_of(params));
  return 0;
}

extern "C" int batch_norm_relu6(int, void** params, int*, int64_t** shapes, const char**, void*,
                                void*) {
  normalise<true>(shape_of(shapes[0]), forward_of(params));
  return 0;
}

// dy, x, gamma, beta, mean, 1 / deviation -> dx, dgamma, dbeta
extern "C" int batch_norm_backward(int, void** params, int*, int64_t** shapes, const char**, void*,
                                   void*) {
  differentiate<false>(shape_of(shapes[0]), backward_of(params));
  return 0;
}

extern "C" int batch_norm_relu6_backward(int, void** params, int*, int64_t** shapes, const char**,
                                         void*, void*) {
  differentiate<true>(shape_of(shapes[0]), backward_of(params));
  return 0;
}
