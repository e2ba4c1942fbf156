// stored4, half-precision numbers: half the bytes, 11 bits of each; sums stay in f32
enable f16;
alias stored4 = vec4<f16>;
