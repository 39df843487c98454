// The entry of a payload: a Multiboot 1 header, the step to 64-bit mode with the first 4 GiB and the
// 1 GiB from 32 GiB on mapped as they are, a stack, and an entry for each interrupt vector.
        .section .multiboot, "a"
        .balign 4
        .set FLAGS, 2                   // tell the memory sizes
        .long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)

        .text
        .code32
        .globl _start
_start:
        cli
        cld
        movl $stackTop, %esp
        movl %eax, %ebp                 // what the boot loader left, past the steps below
        movl %ebx, %esi

        movl $directories, %edi         // 2 MiB each: present, writable, large
        movl $0x83, %eax
1:      movl %eax, (%edi)
        movl $0, 4(%edi)
        addl $8, %edi
        addl $0x200000, %eax
        jnc 1b
        movl $directories + 3, %eax
        movl $pointers, %edi
        movl $4, %ecx
2:      movl %eax, (%edi)
        addl $0x1000, %eax
        addl $8, %edi
        loop 2b
        movl %eax, pointers + 8 * 32
        movl $pointers + 3, topTable

        movl $farDirectory, %edi
        movl $0x83, %eax
        movl $512, %ecx
3:      movl %eax, (%edi)
        movl $8, 4(%edi)
        addl $0x200000, %eax
        addl $8, %edi
        loop 3b

        movl $topTable, %eax
        movl %eax, %cr3
        movl %cr4, %eax
        orl $0x20, %eax                 // physical address extension
        movl %eax, %cr4
        movl $0xC0000080, %ecx          // extended features: long mode
        rdmsr
        orl $0x100, %eax
        wrmsr
        movl %cr0, %eax
        orl $0x80000001, %eax           // paging and protection
        movl %eax, %cr0
        lgdt segmentTable
        ljmp $8, $4f

        .code64
4:      movl $16, %ecx
        movl %ecx, %ds
        movl %ecx, %es
        movl %ecx, %ss
        xorl %ecx, %ecx
        movl %ecx, %fs
        movl %ecx, %gs
        movl $stackTop, %esp
        movl %ebp, %edi
        xorl %ebp, %ebp
        call payloadMain
5:      cli
        hlt
        jmp 5b

// 256 entries of 16 bytes each; the processor pushes an error code for a few exceptions only.
        .balign 16
        .globl interruptEntries
interruptEntries:
        .set vector, 0
        .rept 256
        .balign 16
        .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
        .else
        pushq $0
        .endif
        pushq $vector
        jmp interrupted
        .set vector, vector + 1
        .endr

interrupted:
        pushq %rax
        pushq %rcx
        pushq %rdx
        pushq %rsi
        pushq %rdi
        pushq %r8
        pushq %r9
        pushq %r10
        pushq %r11
        cld
        movq %rsp, %rdi
        call handleInterrupt
        popq %r11
        popq %r10
        popq %r9
        popq %r8
        popq %rdi
        popq %rsi
        popq %rdx
        popq %rcx
        popq %rax
        addq $16, %rsp
        iretq

        .section .rodata, "a"
        .balign 8
segments:
        .quad 0
        .quad 0x00AF9B000000FFFF        // code
        .quad 0x00CF93000000FFFF        // data
segmentTable:
        .word 3 * 8 - 1
        .long segments
        .balign 4
        .globl chosenPayload
chosenPayload:
        .long payloadNumber             // given to the linker

        .bss
        .balign 4096
topTable:
        .skip 4096
pointers:
        .skip 4096
directories:
        .skip 4 * 4096
farDirectory:                           // right behind the four
        .skip 4096
        .skip 65536
stackTop:

        .section .note.GNU-stack, "", @progbits
